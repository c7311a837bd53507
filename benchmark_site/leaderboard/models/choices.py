"""What an organiser chooses from for a board."""

from __future__ import annotations

from django.db import models


class Task(models.TextChoices):
    MOMENT = "moment", "moment retrieval"
    QA = "qa", "question answering"


class Split(models.TextChoices):
    VAL = "val", "validation"
    TEST = "test", "test"


class Reveal(models.TextChoices):
    PRIMARY = "primary", "the primary metric alone"
    METRICS = "metrics", "every metric"
    REPORT = "report", "every metric, by group and as curves"


class CardColumn(models.TextChoices):
    """What a team says of its method that may be a column of a board, by the fields of a submission."""

    PARAMETERS = "parameters", "parameters"
    RUN_TIME = "run_time_s", "run time"
    TRAINING_DATA = "training_data", "training data"
    HARDWARE = "hardware", "hardware"


class PublicPart(models.IntegerChoices):
    """Percent of a hidden split that the board shows before the reveal."""

    ALL = 100, "all of it: no part is kept for the end"
    HALF = 50, "50 %, the private part 50 %"
    THIRD = 30, "30 %, the private part 70 %"
    FIFTH = 20, "20 %, the private part 80 %"


class FilesKept(models.IntegerChoices):
    """Days after the end of a track, or after its reveal, for which files of submissions are kept."""

    MONTH = 30, "30 days after the end"
    QUARTER = 90, "90 days after the end"
    YEAR = 365, "a year after the end"
