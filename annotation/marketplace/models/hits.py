"""HIT types, HITs and assignments."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from annotation.marketplace.ids import entity_id
from annotation.marketplace.models.accounts import Requester, Worker


class HitType(models.Model):
    """What HITs of one group share. Equal values give the same row, which `digest` over all of them ensures."""

    public_id = models.CharField(max_length=64, unique=True, default=entity_id, editable=False)
    group_id = models.CharField(max_length=64, unique=True, default=entity_id, editable=False)
    requester = models.ForeignKey(Requester, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64)
    title = models.CharField(max_length=128)
    description = models.CharField(max_length=2000)
    keywords = models.CharField(max_length=1000, blank=True)
    reward = models.DecimalField(max_digits=10, decimal_places=2)
    assignment_duration_s = models.PositiveIntegerField()
    auto_approval_delay_s = models.PositiveIntegerField()
    requirements = models.JSONField(default=list)
    notification = models.JSONField(null=True)
    notification_active = models.BooleanField(default=False)
    deleted = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        constraints = [
            models.UniqueConstraint(fields=["requester", "digest"], name="equal_values_one_hit_type"),
            models.CheckConstraint(condition=Q(reward__gte=0), name="hit_type_reward_not_negative"),
        ]

    def __str__(self) -> str:
        return self.title


class HitLayout(models.Model):
    """An HTML design with `${name}` placeholders that an admin made for a requester."""

    public_id = models.CharField(max_length=64, unique=True, default=entity_id, editable=False)
    requester = models.ForeignKey(Requester, on_delete=models.CASCADE)
    name = models.CharField(max_length=120)
    html = models.TextField(help_text="${name} stands for the layout parameter of that name")

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return self.name


class Hit(models.Model):
    """One task.

    Its state is not stored: it follows from the counters, `expires_at` and the time (`lifecycle.hit_status`), so it
    can never lag behind the clock. The counters and `held` change only under this row's lock.
    """

    public_id = models.CharField(max_length=64, unique=True, default=entity_id, editable=False)
    requester = models.ForeignKey(Requester, on_delete=models.CASCADE)
    hit_type = models.ForeignKey(HitType, on_delete=models.CASCADE)
    layout = models.ForeignKey(HitLayout, on_delete=models.PROTECT, null=True)
    question = models.TextField()
    annotation = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    dispose_at = models.DateTimeField()  # 120 days after its end or its last submission
    expiry_done = models.BooleanField(default=False)  # the hold of slots nobody took has been released
    max_assignments = models.PositiveIntegerField()
    pending = models.PositiveIntegerField(default=0)
    submitted = models.PositiveIntegerField(default=0)
    approved = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    # AssignmentIds of slots given back: the protocol hands the same id to the next worker.
    freed_ids = ArrayField(models.CharField(max_length=64), default=list)
    held = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0))
    reviewing = models.BooleanField(default=False)
    disposed_at = models.DateTimeField(null=True)
    assignment_review_policy = models.JSONField(null=True)
    hit_review_policy = models.JSONField(null=True)
    hit_policy_done = models.BooleanField(default=False)

    class Meta:
        app_label = "marketplace"
        constraints = [
            models.CheckConstraint(
                condition=Q(max_assignments__gte=F("pending") + F("submitted") + F("approved") + F("rejected")),
                name="hit_never_more_assignments_than_slots",
            ),
            models.CheckConstraint(condition=Q(held__gte=0), name="hit_held_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["hit_type", "id"], name="hit_open",
                condition=Q(disposed_at=None)
                & Q(max_assignments__gt=F("pending") + F("submitted") + F("approved") + F("rejected")),
            ),
            models.Index(fields=["expires_at"], name="hit_to_expire", condition=Q(expiry_done=False)),
            models.Index(fields=["dispose_at"], name="hit_to_dispose", condition=Q(disposed_at=None)),
            models.Index(fields=["requester", "id"], name="hit_of_requester"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.public_id

    @property
    def free_slots(self) -> int:
        return self.max_assignments - self.pending - self.submitted - self.approved - self.rejected


class Assignment(models.Model):
    """One worker's turn at one HIT. Returned and abandoned turns stay as rows; their public id goes to the next."""

    class Status(models.TextChoices):
        ACCEPTED = "Accepted"
        RETURNED = "Returned"
        ABANDONED = "Abandoned"
        SUBMITTED = "Submitted"
        APPROVED = "Approved"
        REJECTED = "Rejected"

    OPEN = (Status.ACCEPTED, Status.SUBMITTED, Status.APPROVED, Status.REJECTED)  # these occupy a slot
    VISIBLE = (Status.SUBMITTED, Status.APPROVED, Status.REJECTED)  # the requester sees these

    public_id = models.CharField(max_length=64, default=entity_id, editable=False)
    hit = models.ForeignKey(Hit, on_delete=models.CASCADE)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT)
    status = models.CharField(max_length=9, choices=Status, default=Status.ACCEPTED)
    reward = models.DecimalField(max_digits=10, decimal_places=2)  # as promised when the worker accepted
    accepted_at = models.DateTimeField()
    deadline = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # returned or abandoned
    submitted_at = models.DateTimeField(null=True)
    auto_approve_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    rejected_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)
    feedback = models.CharField(max_length=1024, blank=True)

    class Meta:
        app_label = "marketplace"
        constraints = [
            models.UniqueConstraint(
                fields=["hit", "worker"],
                name="no_worker_two_of_one_hit",
                condition=Q(status__in=["Accepted", "Submitted", "Approved", "Rejected"]),
            ),
            models.UniqueConstraint(
                fields=["public_id"],
                name="one_holder_of_an_assignment_id",
                condition=Q(status__in=["Accepted", "Submitted", "Approved", "Rejected"]),
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["Submitted", "Approved", "Rejected"]) | Q(submitted_at__isnull=False),
                name="submitted_has_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["public_id"], name="assignment_public_id"),
            models.Index(fields=["deadline"], name="assignment_pending", condition=Q(status="Accepted")),
            models.Index(fields=["auto_approve_at"], name="assignment_waiting", condition=Q(status="Submitted")),
            models.Index(fields=["worker", "-id"], name="assignment_of_worker"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.public_id} {self.status}"

    def time_left(self, now: dt.datetime) -> dt.timedelta:
        return max(self.deadline - now, dt.timedelta(0))


class UploadedFile(models.Model):
    """A worker's file for a FileUploadAnswer."""

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE)
    question_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    content = models.BinaryField()

    class Meta:
        app_label = "marketplace"
        constraints = [models.UniqueConstraint(fields=["assignment", "question_id"], name="one_file_per_question")]

    def __str__(self) -> str:
        return self.name
