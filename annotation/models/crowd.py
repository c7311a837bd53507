"""Crowd work: batches of HITs, and what workers send back."""

from __future__ import annotations

from decimal import Decimal

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from annotation.models.footage import Clip

MOST_WANTED = 9  # answers of one HIT: one made with fewer than ten can never reach ten


class Kind(models.TextChoices):
    """The three stages, each with workers of its own (paper, section 4.2), and the check of what came of them.

    Marking and writing may be one task of one worker instead, as in the paper's figure 2 (COMBINED); it belongs to the
    group that writes. Questions are answered by the group that marks: it has seen clips and no question.
    """

    SEGMENT = "segment", "mark a segment"
    QUERY = "query", "write a query"
    COMBINED = "combined", "mark a segment and write a query"
    QA = "qa", "write a question with answers"
    VALIDATE = "validate", "answer a question"

    @property
    def group(self) -> Kind:
        """Who does it: the kind of task that the group of workers is named after."""
        return {Kind.VALIDATE: Kind.SEGMENT, Kind.COMBINED: Kind.QUERY}.get(self, self)

    @property
    def beside(self) -> list[Kind]:
        """All that the same group does: the kinds whose answers are compared with one another."""
        return [kind for kind in Kind if kind.group == self.group]


MARKING = (Kind.SEGMENT, Kind.COMBINED)  # kinds whose units are clips and whose answers mark a moment of them


class Environment(models.TextChoices):
    LOCAL = "local", "local marketplace"
    SANDBOX = "sandbox", "MTurk sandbox"
    LIVE = "live", "MTurk"


class Batch(models.Model):
    """One order to the crowd: units of one kind under one price."""

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        LAUNCHING = "launching", "launching"
        OPEN = "open", "open"
        PAUSED = "paused", "paused"
        CLOSING = "closing", "closing"
        CLOSED = "closed", "closed"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=8, choices=Kind)
    environment = models.CharField(max_length=8, choices=Environment, default=Environment.LOCAL)
    reward = models.DecimalField(
        max_digits=7, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))], help_text="US dollars each"
    )
    assignments_per_hit = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(1), MaxValueValidator(5)], help_text="different workers for each unit"
    )
    hidden_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="share of clips shown without narration (0 to 1)",
    )
    seed = models.PositiveIntegerField(default=0, help_text="draws the sample, and the clips without narration")
    without_query = models.BooleanField(
        "only segments without a query", default=False, help_text="for batches about segments"
    )
    doubted = models.BooleanField(
        "only answers that a release doubts", default=False, help_text="for batches that answer questions"
    )
    tag = models.SlugField("only videos with this tag", max_length=50, blank=True)
    sample = models.PositiveIntegerField(
        "only so many units", null=True, blank=True, validators=[MinValueValidator(1)], help_text="drawn by the seed"
    )
    per_worker = models.PositiveSmallIntegerField(
        "most units a worker", null=True, blank=True, validators=[MinValueValidator(1)], help_text="empty: no limit"
    )
    per_worker_day = models.PositiveSmallIntegerField(
        "most units a worker and day",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="days are UTC; empty: no limit",
    )
    canary = models.PositiveIntegerField(
        "canary units",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="so many go out first; the rest waits for your word, or until so many of their answers are used",
    )
    held_back = models.BooleanField(default=False, editable=False, help_text="the rest waits behind the canaries")
    entry_test = models.ForeignKey(
        "EntryTest", on_delete=models.PROTECT, null=True, blank=True, help_text="passed before the first task"
    )
    approval_rate = models.PositiveSmallIntegerField(
        "approval rate of at least",
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text="percent of a worker's reviewed answers, everywhere; empty: any",
    )
    countries = models.CharField(
        max_length=300, blank=True, help_text="of workers, as ISO 3166-1 codes: US, GB; empty: any"
    )
    qualifications = models.TextField(
        "own qualifications",
        blank=True,
        max_length=2000,
        help_text="one a line: id of the type, then = != >= > <= < and a number, or “exists” or “missing”",
    )
    gold_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text="share of units whose answer is known (0 to 0.5); they measure workers and make no items",
    )
    agreement = models.FloatField(
        "ask one more below this agreement",
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="mean tIoU of a unit's answers, 0 to 1; up to 5 workers a unit; empty: never",
    )
    budget = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text="US dollars, fees included, never exceeded",
    )
    blind_bonus = models.DecimalField(
        "bonus for what cannot be guessed",
        max_digits=7,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text="US dollars for each question that blind models do not answer without the film; empty: none",
    )
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    hit_type_id = models.CharField(max_length=64, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True, help_text="from then on nobody may accept")
    error = models.TextField(blank=True, help_text="why the launch stopped, when it did")
    reviewed = models.PositiveIntegerField(default=0, editable=False, help_text="answers that somebody has decided")
    rejected = models.PositiveIntegerField(default=0, editable=False, help_text="of these, as things stand")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "batches"
        permissions = [
            ("collect", "Can collect: order work, see what is collected and its money, build releases"),
            ("review", "Can review what annotators send"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(reward__gt=0), name="batch_reward_positive"),
            models.CheckConstraint(
                condition=Q(assignments_per_hit__gte=1) & Q(assignments_per_hit__lte=5), name="batch_1_to_5_assignments"
            ),
            models.CheckConstraint(
                condition=Q(hidden_share__gte=0) & Q(hidden_share__lte=1), name="batch_hidden_share_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(gold_share__gte=0) & Q(gold_share__lte=0.5), name="batch_gold_share_up_to_half"
            ),
            models.CheckConstraint(
                condition=Q(blind_bonus=None) | Q(kind="qa", blind_bonus__gt=0), name="batch_blind_bonus_of_questions"
            ),
            models.CheckConstraint(condition=Q(rejected__lte=F("reviewed")), name="batch_rejected_of_reviewed"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("batch", args=[self.pk])


class Hit(models.Model):
    """One unit of a batch put before the crowd: a clip to mark, a segment to write about, or a question."""

    class State(models.TextChoices):
        WAITING = "waiting", "not launched yet"
        OPEN = "open", "with the crowd"
        DONE = "done", "complete"
        EXPIRED = "expired", "over, answers missing"

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="hits")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, null=True, blank=True, related_name="hits")
    segment = models.ForeignKey("Segment", on_delete=models.PROTECT, null=True, blank=True, related_name="hits")
    question = models.ForeignKey(
        "Question", on_delete=models.PROTECT, null=True, blank=True, related_name="hits", help_text="to be answered"
    )
    doubt = models.ForeignKey(
        "Doubt",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="hits",
        help_text="shown among its answers",
    )
    order_seed = models.BigIntegerField(null=True, blank=True, help_text="of the order in which its answers are shown")
    narration_hidden = models.BooleanField(default=False)
    gold = models.BooleanField(default=False, help_text="its answer is known: it measures workers and makes no item")
    request_token = models.CharField(max_length=64, unique=True, help_text="makes the launch idempotent")
    hit_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 (unknown until launched)
    wanted = models.PositiveSmallIntegerField(help_text="assignments asked of the crowd, replacements included")
    extra = models.PositiveSmallIntegerField(default=0, help_text="answers asked for beyond those of the batch")
    agreement = models.FloatField(null=True, blank=True, help_text="mean tIoU of its answers, two by two")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempt = models.PositiveSmallIntegerField(default=1, help_text="counts the HITs of one unit in one batch")
    asked_at = models.DateTimeField(null=True, blank=True, help_text="when the marketplace was first asked for it")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="the end of accepting that the marketplace knows")
    counts = models.CharField(max_length=64, blank=True, help_text="the marketplace's counters when it was last read")
    checked_at = models.DateTimeField(null=True, blank=True, help_text="by the last complete reconciliation")
    revision = models.PositiveIntegerField(default=0, help_text="counts what was taken over or told: who reads, looks")

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["batch", "state"], name="hit_by_batch_and_state")]
        constraints = [
            models.CheckConstraint(
                condition=Q(clip__isnull=False, segment__isnull=True) | Q(clip__isnull=True, segment__isnull=False),
                name="hit_of_one_clip_or_one_segment",
            ),
            models.UniqueConstraint(fields=["batch", "clip", "attempt"], name="hit_one_per_clip"),
            models.UniqueConstraint(
                fields=["batch", "segment", "attempt"], condition=Q(question=None), name="hit_one_per_segment"
            ),
            models.UniqueConstraint(
                fields=["batch", "question", "attempt"], condition=Q(doubt=None), name="hit_one_per_question"
            ),
            models.UniqueConstraint(fields=["batch", "doubt", "attempt"], name="hit_one_per_doubt"),
            models.CheckConstraint(
                condition=Q(doubt=None) | Q(question__isnull=False), name="hit_of_doubt_has_its_question"
            ),
            models.CheckConstraint(
                condition=Q(question=None) | Q(segment__isnull=False), name="hit_of_question_has_its_segment"
            ),
            models.UniqueConstraint(fields=["hit_id"], name="hit_id_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "expired"]) | Q(hit_id__isnull=False), name="hit_launched_has_id"
            ),
        ]
        triggers = [pgtrigger.ReadOnly(name="stays_in_its_batch", fields=["batch"])]  # its answers name the batch, too

    def __str__(self) -> str:
        return f"{self.batch} / {self.shown_clip}"

    @property
    def shown_clip(self) -> Clip:
        if self.segment is not None:
            return self.segment.clip
        assert self.clip is not None
        return self.clip


class Draft(models.Model):
    """What a worker has filled in so far. The version counts what was saved, so that one tab notices another."""

    hit = models.ForeignKey(Hit, on_delete=models.CASCADE, related_name="drafts")
    assignment_id = models.CharField(max_length=64)
    worker_id = models.CharField(max_length=64)
    fields = models.JSONField(default=dict)
    conduct = models.JSONField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0)
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["hit", "assignment_id", "worker_id"], name="draft_once")]

    def __str__(self) -> str:
        return f"{self.assignment_id} version {self.version}"


class Receipt(models.Model):
    """What our own task page received, before the marketplace confirms it. Proves nothing about money."""

    hit = models.ForeignKey(Hit, on_delete=models.PROTECT, related_name="receipts")
    assignment_id = models.CharField(max_length=64)
    worker_id = models.CharField(max_length=64)
    payload = models.JSONField()
    sha256 = models.CharField(max_length=64)
    conduct = models.JSONField(null=True, blank=True, help_text="how it came about, as the page saw it")
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["worker_id", "received_at"], name="receipt_by_worker")]
        constraints = [  # the same content again is the same receipt, other content a further one, never an overwrite
            models.UniqueConstraint(fields=["hit", "assignment_id", "worker_id", "sha256"], name="receipt_once"),
        ]

    def __str__(self) -> str:
        return f"{self.assignment_id} {self.sha256[:8]}"


class Assignment(models.Model):
    """One worker's answer to one HIT, as the marketplace confirms it."""

    class State(models.TextChoices):
        SUBMITTED = "submitted", "waiting for review"
        APPROVING = "approving", "accepted, payment on its way"
        REJECTING = "rejecting", "rejected, notice on its way"
        APPROVED = "approved", "accepted and paid"
        REJECTED = "rejected", "rejected"

    hit = models.ForeignKey(Hit, on_delete=models.PROTECT, related_name="assignments")
    # That of its HIT: a trigger (migration 0029) fills it in. What is asked of a batch reads no other's answers by it.
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, related_name="assignments", editable=False, db_index=False
    )
    worker = models.ForeignKey("Worker", on_delete=models.PROTECT, related_name="assignments")
    assignment_id = models.CharField(max_length=64)
    answer = models.TextField(help_text="QuestionFormAnswers, verbatim")
    payload = models.JSONField(null=True, blank=True, help_text="the answer, checked; null where it is not valid")
    sketch = ArrayField(
        models.BigIntegerField(), null=True, editable=False, help_text="of its text, to find nearly equal ones by"
    )
    evidence = models.JSONField(default=list, blank=True, help_text="what speaks against the answer")
    state = models.CharField(max_length=9, choices=State, default=State.SUBMITTED)
    used = models.BooleanField(default=False, help_text="became an item; paid work may be left out")
    gold_right = models.BooleanField(null=True, help_text="whether it is the known answer, where there is one")
    feedback = models.TextField(blank=True)
    submitted_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    again = models.BooleanField(default=False, help_text="one more worker is to be asked in its place")
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="who wants to reject it, where a second person has to agree",
    )
    tell_at = models.DateTimeField(null=True, blank=True, help_text="until then the verdict can be taken back")
    vote_for = models.ForeignKey(
        "Segment",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="voters",
        help_text="the moment that this answer is a further vote for",
    )

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["batch", "id"], name="assignment_by_batch"),
            models.Index(
                fields=["batch", "id"],
                condition=Q(state="submitted") | Q(state="approved", reviewed_at=None),
                name="assignment_unreviewed",
            ),
            models.Index(fields=["submitted_at"], name="assignment_by_time"),
            models.Index(
                fields=["reviewed_by", "tell_at"], condition=Q(tell_at__isnull=False), name="assignment_to_take_back"
            ),
            GinIndex(fields=["sketch"], name="assignment_by_sketch"),
        ]
        constraints = [
            # Assignment ids are handed out again after a return, so the worker belongs to the key.
            models.UniqueConstraint(fields=["assignment_id", "worker"], name="assignment_once"),
            models.UniqueConstraint(fields=["hit", "worker"], name="assignment_one_per_worker_and_hit"),
        ]

    def __str__(self) -> str:
        return f"{self.assignment_id} by {self.worker}"

    @classmethod
    def unreviewed(cls) -> Q:
        """What a reviewer should look at: answers that wait, and those that the marketplace has paid by itself."""
        return Q(state=cls.State.SUBMITTED) | Q(state=cls.State.APPROVED, reviewed_at=None)
