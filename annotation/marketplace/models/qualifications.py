"""Qualification types, what workers hold, and what they ask for."""

from django.db import models
from django.db.models import Q

from annotation.marketplace.ids import entity_id
from annotation.marketplace.models.accounts import Requester, Worker


class QualificationType(models.Model):
    """A requester's own qualification. The system's (locale, approval rate …) are computed: see `qualify.SYSTEM`."""

    public_id = models.CharField(max_length=64, unique=True, default=entity_id, editable=False)
    requester = models.ForeignKey(Requester, on_delete=models.CASCADE)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=2000)
    keywords = models.CharField(max_length=1000, blank=True)
    active = models.BooleanField(default=True)
    test = models.TextField(blank=True)
    answer_key = models.TextField(blank=True)
    test_duration_s = models.PositiveBigIntegerField(null=True)
    retry_delay_s = models.PositiveBigIntegerField(null=True)  # null: a worker may ask only once
    auto_granted = models.BooleanField(default=False)
    auto_granted_value = models.IntegerField(default=1)
    deleted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        constraints = [
            models.UniqueConstraint(
                fields=["requester", "name"], name="one_living_type_of_a_name", condition=Q(deleted_at=None)
            ),
            models.CheckConstraint(
                condition=Q(auto_granted=False) | Q(test=""), name="type_has_a_test_or_grants_itself"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Qualification(models.Model):
    qualification_type = models.ForeignKey(QualificationType, on_delete=models.CASCADE)
    worker = models.ForeignKey(Worker, on_delete=models.CASCADE)
    value = models.IntegerField()
    granted = models.BooleanField(default=True)  # False: revoked
    reason = models.CharField(max_length=1024, blank=True)
    granted_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        constraints = [
            models.UniqueConstraint(fields=["qualification_type", "worker"], name="one_value_per_type_and_worker")
        ]

    def __str__(self) -> str:
        return f"{self.qualification_type_id} = {self.value}"


class QualificationRequest(models.Model):
    class Status(models.TextChoices):
        TESTING = "testing"  # the worker sits the test
        SUBMITTED = "submitted"  # waits for the requester
        GRANTED = "granted"
        REJECTED = "rejected"
        TIMED_OUT = "timed out"

    public_id = models.CharField(max_length=64, unique=True, default=entity_id, editable=False)
    qualification_type = models.ForeignKey(QualificationType, on_delete=models.CASCADE)
    worker = models.ForeignKey(Worker, on_delete=models.CASCADE)
    status = models.CharField(max_length=9, choices=Status)
    test = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    reason = models.CharField(max_length=1024, blank=True)
    started_at = models.DateTimeField()
    deadline = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "marketplace"
        constraints = [
            models.UniqueConstraint(
                fields=["qualification_type", "worker"], name="one_open_request_per_type_and_worker",
                condition=Q(status__in=["testing", "submitted"]),
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.public_id
