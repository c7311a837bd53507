"""Who takes part: requesters (API accounts), workers (site accounts), and what stands between two of them."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.marketplace import countries
from annotation.marketplace.ids import customer_id


class Requester(models.Model):
    """An account that calls the API. The secret must be readable, because SigV4 signs with it."""

    public_id = models.CharField(max_length=64, unique=True, default=customer_id, editable=False)
    name = models.CharField(max_length=120, unique=True)
    access_key = models.CharField(max_length=128, unique=True)
    secret = models.CharField(max_length=128)
    active = models.BooleanField(default=True)
    available = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0))
    on_hold = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "marketplace"
        constraints = [
            models.CheckConstraint(condition=Q(available__gte=0), name="requester_available_not_negative"),
            models.CheckConstraint(condition=Q(on_hold__gte=0), name="requester_on_hold_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """A person with an account on the worker site."""

    public_id = models.CharField(max_length=64, unique=True, default=customer_id, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="worker")
    country = models.CharField(
        max_length=2,
        blank=True,
        validators=[countries.validate],
        help_text="ISO 3166-1 code, in capitals; what the Locale qualification sees",
    )
    subdivision = models.CharField(max_length=3, blank=True, help_text="ISO 3166-2 part after the hyphen")
    adult = models.BooleanField(default=False, help_text="agreed to see adult content")
    master = models.BooleanField(default=False, help_text="holds the Masters qualification")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return self.public_id


class Block(models.Model):
    """A requester that does not want this worker on its HITs."""

    requester = models.ForeignKey(Requester, on_delete=models.CASCADE)
    worker = models.ForeignKey(Worker, on_delete=models.CASCADE)
    reason = models.CharField(max_length=1024)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        constraints = [models.UniqueConstraint(fields=["requester", "worker"], name="one_block_per_pair")]

    def __str__(self) -> str:
        return f"{self.requester_id} blocks {self.worker_id}"


class Message(models.Model):
    """A message of NotifyWorkers, shown in the worker's inbox."""

    requester = models.ForeignKey(Requester, on_delete=models.CASCADE)
    worker = models.ForeignKey(Worker, on_delete=models.CASCADE)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    sent_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.subject


class Invite(models.Model):
    """A link that lets one person make a worker account where sign-up is not open."""

    token = models.CharField(max_length=64, unique=True)
    note = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField()
    used_by = models.OneToOneField(Worker, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return self.note or self.token[:8]
