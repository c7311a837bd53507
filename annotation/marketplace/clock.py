"""The marketplace's time: the machine's, plus an offset that tests may set where faults are allowed."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.utils import timezone

from annotation.marketplace.models import ClockOffset


def now() -> dt.datetime:
    """Aware UTC time. With MARKETPLACE_FAULTS the offset lies in the database, so that all processes agree."""
    moment = timezone.now()
    if settings.MARKETPLACE_FAULTS:
        offset = ClockOffset.objects.values_list("seconds", flat=True).first()
        moment += dt.timedelta(seconds=offset or 0)
    return moment
