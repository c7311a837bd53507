"""What a team sent, each scoring of it, and the scores."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone

from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import available
from benchmark_site.leaderboard.models.teams import Team
from benchmark_site.leaderboard.models.tracks import Track
from benchmark_site.leaderboard.models.work import UNFINISHED, State, Work
from benchmark_site.leaderboard.task_names import PREDICT, SCORE, SCORE_AGAIN, TELL
from benchmark_site.leaderboard.text import plain_lines, plain_text


class Submission(models.Model):
    """One file as a team sent it: predictions, or a model that predicts here. It never changes; what it says may be
    scored more than once.
    """

    class Kind(models.TextChoices):
        PREDICTIONS = "predictions", "predictions"
        MODEL = "model", "a model, which predicts here"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="submissions")
    track = models.ForeignKey(Track, on_delete=models.PROTECT, related_name="submissions")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="+",
        help_text="members of the team then or since: each of them has learnt its result and used up a try",
    )
    kind = models.CharField(max_length=11, choices=Kind, default=Kind.PREDICTIONS)
    method = models.CharField(max_length=80, validators=[plain_text])
    description = models.TextField(blank=True, max_length=2000, validators=[plain_lines])
    paper_url = models.URLField(blank=True)
    code_url = models.URLField(blank=True)
    parameters = models.PositiveBigIntegerField(null=True, blank=True, help_text="weights of the model, as a number")
    training_data = models.CharField(
        max_length=200, blank=True, validators=[plain_text], help_text="data sets, in a few words"
    )
    external_data = models.BooleanField(default=False, help_text="trained on more than this release")
    hardware = models.CharField(max_length=120, blank=True, validators=[plain_text], help_text="what it ran on")
    run_time_s = models.FloatField(null=True, blank=True, help_text="seconds to predict the whole split")
    file = models.FileField(max_length=200)
    file_deleted_at = models.DateTimeField(
        null=True, blank=True, help_text="since then its file is deleted; hash, scores and reports stay"
    )
    file_name = models.CharField(max_length=100, help_text="as the sender called it")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(help_text="bytes")
    predicted = models.FileField(max_length=220, blank=True, help_text="what the model predicted")
    predicted_sha256 = models.CharField(max_length=64, blank=True)
    public = models.BooleanField(default=False, help_text="shown on the board to everybody")
    baseline = models.BooleanField(default=False)
    dry_run = models.BooleanField(default=False, help_text="only checked: no score, and no try is used")
    # Kept in the same transaction as the end of an evaluation. A submission that failed or was cancelled has cost
    # its team nothing: it eats no quota, and the same file may be sent again.
    counts = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_index=True)
    began_at = models.DateTimeField(default=timezone.now, help_text="when the upload began: this counts for the end")
    final = models.BooleanField(default=False, help_text="its team has chosen it for the private part")
    decides = models.BooleanField(
        default=False, editable=False, help_text="the private part is looked up for it: written down at the reveal"
    )
    hidden_reason = models.CharField(
        max_length=500, blank=True, validators=[plain_text], help_text="why the organiser hides it; its team reads this"
    )
    hidden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    hidden_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "track", "sha256"], condition=Q(counts=True), name="submission_file_once"
            ),
            models.CheckConstraint(
                condition=Q(baseline=False) | Q(public=True) | Q(hidden_at__isnull=False),
                name="submission_baselines_are_public",
            ),
            models.CheckConstraint(
                condition=Q(dry_run=False) | Q(counts=False, public=False, baseline=False),
                name="submission_dry_run_is_no_entry",
            ),
            models.CheckConstraint(
                condition=Q(final=False) | Q(dry_run=False, baseline=False), name="submission_final_is_an_entry"
            ),
            models.CheckConstraint(
                condition=Q(decides=False) | Q(dry_run=False, baseline=False), name="submission_decides_as_an_entry"
            ),
            models.CheckConstraint(
                condition=Q(run_time_s__isnull=True) | Q(run_time_s__gte=0), name="submission_run_time_is_not_negative"
            ),
            # Who reads `public` need not think of this: what the organiser hides is not public, whoever writes.
            models.CheckConstraint(
                condition=Q(public=False) | Q(hidden_at__isnull=True), name="submission_hidden_is_not_public"
            ),
            models.CheckConstraint(
                condition=Q(hidden_reason="", hidden_by__isnull=True, hidden_at__isnull=True)
                | (~Q(hidden_reason="") & Q(hidden_by__isnull=False, hidden_at__isnull=False)),
                name="submission_hiding_has_reason_and_author",
            ),
            models.CheckConstraint(
                condition=Q(kind="predictions", predicted="", predicted_sha256="")
                | Q(kind="model", predicted="", predicted_sha256="")
                | (Q(kind="model", predicted_sha256__regex="^[0-9a-f]{64}$") & ~Q(predicted="")),
                name="submission_predictions_of_a_model_have_a_hash",
            ),
            # A name without a file would be scored, compared and exported as if there were one.
            models.CheckConstraint(
                condition=~Q(file="") | Q(file_deleted_at__isnull=False), name="submission_has_its_file_or_says_so"
            ),
            models.CheckConstraint(condition=Q(sha256__regex="^[0-9a-f]{64}$"), name="submission_sha256"),
            models.CheckConstraint(condition=~Q(method=""), name="submission_names_its_method"),
        ]
        indexes = [
            models.Index(fields=["team", "track", "created_at"], condition=Q(counts=True), name="submission_quota")
        ]

    def __str__(self) -> str:
        return f"{self.method} ({self.team})"

    def get_absolute_url(self) -> str:
        return reverse("submission", args=[self.pk])

    @property
    def scored_file(self) -> str:
        """The path of the predictions that are scored."""
        return str((self.predicted if self.kind == self.Kind.MODEL else self.file).path)

    @property
    def scored_sha256(self) -> str:
        """The hash of these predictions."""
        return self.predicted_sha256 if self.kind == self.Kind.MODEL else self.sha256

    @property
    def waits_for_prediction(self) -> bool:
        return self.kind == self.Kind.MODEL and not self.predicted

    @property
    def is_late(self) -> bool:
        """Whether its upload began after the track's end; the platform's baselines belong to no time."""
        closes_at = self.track.closes_at
        return closes_at is not None and self.began_at >= closes_at and not self.baseline

    @property
    def evaluation(self) -> Evaluation:
        """The latest scoring of it."""
        return self.evaluations.latest("id")

    @property
    def shown_evaluation(self) -> Evaluation:
        """The latest that is done, so that a failed new scoring takes no score away; else the latest."""
        return self.evaluations.filter(state=State.DONE).order_by("-id").first() or self.evaluation


class Evaluation(Work):
    """One scoring of a submission by one version of the evaluator against one frozen release."""

    STARTED = {**Work.STARTED, "started_at": Coalesce("started_at", Now())}

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="evaluations")
    evaluator_version = models.CharField(max_length=40)
    manifest_sha256 = models.CharField(max_length=64)
    problems = models.JSONField(default=list, blank=True, help_text="why the file was refused: place and message")
    report = models.JSONField(null=True, blank=True, help_text="what the evaluator wrote")
    asked_at = models.DateTimeField(default=timezone.now, help_text="`queued_at` is anew after each attempt")
    started_at = models.DateTimeField(null=True, blank=True, help_text="when its first worker took it")

    class Meta(Work.Meta):
        ordering = ["-id"]
        constraints = [
            *Work.Meta.constraints,
            models.UniqueConstraint(
                fields=["submission", "evaluator_version", "manifest_sha256"],
                condition=Q(state__in=[*UNFINISHED, State.DONE]),
                name="evaluation_once",
            ),
            models.UniqueConstraint(
                fields=["submission"], condition=Q(state__in=UNFINISHED), name="evaluation_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state=State.DONE) | Q(report__isnull=False), name="evaluation_done_has_a_report"
            ),
        ]
        indexes = [models.Index(fields=["queued_at"], condition=Q(state__in=UNFINISHED), name="evaluation_unfinished")]

    @property
    def queue_place(self) -> int | None:
        """1 for the next one that a worker takes; None where it does not wait."""
        if self.state != State.QUEUED:
            return None
        if self.task == SCORE:
            order = self.turns()
            return order.index(self.pk) + 1 if self.pk in order else None
        same = Evaluation.objects.filter(self._by_task()[self.task], state=State.QUEUED)
        return same.filter(queued_at__lt=self.queued_at).count() + 1

    @property
    def task(self) -> str:
        """The name of the task that works on it next; each has a queue of its own.

        What was scored before waits apart: a whole board scored again would else stand before what is sent meanwhile.
        """
        if self.submission.waits_for_prediction:
            return PREDICT
        return SCORE_AGAIN if self.submission.evaluations.filter(pk__lt=self.pk).exists() else SCORE

    @classmethod
    def turns(cls) -> list[int]:
        """Keys of what waits for a scorer, in the order in which they take it.

        Teams take turns: a team's files come after whatever was sent before a scorer was last at one of them. So of
        each other team at most one is taken before a file that waits, however many it sends.
        """
        first_time = cls._by_task()[SCORE]
        waiting = available(cls).filter(first_time).values_list("pk", "submission__team", "queued_at")
        taken = cls.objects.filter(first_time, attempt__gt=0, submission__team__in={team for _, team, _ in waiting})
        last = dict(taken.order_by().values_list("submission__team").annotate(Max("heartbeat")))
        nth: Counter[int] = Counter()
        order = []
        for pk, team, queued_at in sorted(waiting, key=lambda row: (row[2], row[0])):
            nth[team] += 1
            order.append((nth[team], max(queued_at, last.get(team) or queued_at), pk))
        return [pk for _, _, pk in sorted(order)]

    @staticmethod
    def to_predict() -> Q:
        """Of models that have not predicted yet: those wait for a predictor, all others for a scorer."""
        return Q(submission__kind=Submission.Kind.MODEL, submission__predicted="")

    @classmethod
    def queues(cls) -> Sequence[Q]:
        return list(cls._by_task().values())

    @classmethod
    def _by_task(cls) -> dict[str, Q]:
        earlier = Evaluation.objects.filter(submission=OuterRef("submission"), pk__lt=OuterRef("pk"))
        predict, again = cls.to_predict(), Q(Exists(earlier))
        return {PREDICT: predict, SCORE: ~predict & ~again, SCORE_AGAIN: ~predict & again}

    def __str__(self) -> str:
        return f"evaluation {self.pk} of {self.submission}"

    def end(self, state: State, error: str = "", log: str = "") -> None:
        """Close it; without another scoring that stands, the submission then no longer counts."""
        super().end(state, error, log)
        enqueue(TELL, evaluation_id=self.pk)
        stands = self.submission.evaluations.filter(state__in=[*UNFINISHED, State.DONE]).exists()
        Submission.objects.filter(pk=self.submission_id).update(counts=stands and not self.submission.dry_run)


class ScoreBase(models.Model):
    """One metric of one evaluation with its 95 % interval, in percent (a median rank is a rank)."""

    key = models.CharField(max_length=64)
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    n = models.PositiveIntegerField()
    blind = models.FloatField(null=True, help_text="the best blind baseline's value")
    beats_blind = models.BooleanField(null=True)

    class Meta:
        abstract = True
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "key"], name="%(class)s_once"),
            models.CheckConstraint(condition=Q(value__isnull=True) | Q(value__gte=0), name="%(class)s_is_not_negative"),
            models.CheckConstraint(
                condition=Q(low__isnull=True) | Q(high__isnull=True) | Q(low__lte=F("high")),
                name="%(class)s_interval_is_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.value}"


class Score(ScoreBase):
    """What is shown at once: of the whole split, or of its public part."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="scores")

    class Meta(ScoreBase.Meta):
        pass


class PrivateScore(ScoreBase):
    """Of the private part. A table of its own, so that who reads scores cannot show it by mistake."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="private_scores")

    class Meta(ScoreBase.Meta):
        pass


ScoreTable = type[Score] | type[PrivateScore]
