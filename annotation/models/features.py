"""Sets of frame features beside the one that an ingest makes: which encoder, how often, and what came of each clip."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from annotation.models.footage import Clip
from benchmark_site.jobs.leases import MAX_ATTEMPTS, Leased
from hero_model.features import DEFAULT_ENCODER

INGESTED = DEFAULT_ENCODER  # the name of the set that every ingest makes
SHORTEST_S, LONGEST_S = 0.05, 30.0  # between two frames


class FeatureSet(models.Model):
    """One encoder's view of every clip that has a file, those that come later included."""

    name = models.CharField(
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9._-]*$", "small letters, digits, dots, dashes and _ only")],
        help_text="names its file in releases",
    )
    encoder = models.CharField(
        max_length=200,
        default=DEFAULT_ENCODER,
        validators=[
            RegexValidator(
                r"^(?!.*\.\.)\w[\w.-]*(/\w[\w.-]*)?$", "a folder of ENCODERS, or a repository as in google/vit-base"
            )
        ],
        help_text=f"{DEFAULT_ENCODER}, or an image model of transformers: a folder of ENCODERS, or a repository's name",
    )
    interval_s = models.FloatField(
        default=1.5,
        validators=[MinValueValidator(SHORTEST_S), MaxValueValidator(LONGEST_S)],
        help_text="seconds between two frames",
    )
    error = models.TextField(blank=True, help_text="why no clip can be described")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(name=INGESTED),
                name="featureset_is_not_the_ingests",
                violation_error_message=f"{INGESTED} is the set that every ingest makes",
            ),
            models.CheckConstraint(
                condition=Q(interval_s__gte=SHORTEST_S, interval_s__lte=LONGEST_S), name="featureset_interval_is_one"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ClipFeatures(Leased):
    """What a set says of one clip: a file, or why there is none. One worker at a time makes it."""

    feature_set = models.ForeignKey(FeatureSet, on_delete=models.CASCADE, related_name="rows")
    clip = models.ForeignKey(Clip, on_delete=models.CASCADE, related_name="feature_rows")
    file = models.FileField(upload_to="features/", blank=True, help_text="safetensors: features [frames, dim]")
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True, help_text="why there is no file")

    class Meta:
        ordering = ["feature_set", "clip"]
        constraints = [
            models.UniqueConstraint(fields=["feature_set", "clip"], name="clipfeatures_once"),
            models.CheckConstraint(condition=Q(file="") | (~Q(sha256="") & Q(error="")), name="clipfeatures_hashed"),
        ]

    def __str__(self) -> str:
        return f"{self.feature_set}: {self.clip}"

    @staticmethod
    def unfinished() -> Q:
        return Q(file="", error="", feature_set__error="")

    def give_up(self) -> None:
        self.error = f"its worker died {MAX_ATTEMPTS} times, the last one without a word"
        self.save(update_fields=["error"])
