"""What review policies computed and did."""

from django.db import models

from annotation.marketplace.ids import entity_id
from annotation.marketplace.models.hits import Hit


class Level(models.TextChoices):
    ASSIGNMENT = "Assignment"
    HIT = "HIT"


class ReviewAction(models.Model):
    """approve, reject or extend, as a policy asked for it, and how it ended."""

    public_id = models.CharField(max_length=64, unique=True, default=entity_id, editable=False)
    hit = models.ForeignKey(Hit, on_delete=models.CASCADE)
    level = models.CharField(max_length=10, choices=Level)
    name = models.CharField(max_length=40)
    target_id = models.CharField(max_length=64)
    target_type = models.CharField(max_length=20)
    status = models.CharField(max_length=10)
    result = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=80, blank=True)
    completed_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return f"{self.name} {self.status}"


class ReviewResult(models.Model):
    """One computed value, such as the score of an assignment's known answers."""

    action_id = models.CharField(max_length=64, default=entity_id)
    hit = models.ForeignKey(Hit, on_delete=models.CASCADE)
    level = models.CharField(max_length=10, choices=Level)
    subject_id = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=20)
    question_id = models.CharField(max_length=64, blank=True)
    key = models.CharField(max_length=60)
    value = models.TextField()

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"
