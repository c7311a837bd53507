"""Mistakes in the settings, found by `manage.py check` and at every start."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured


@register
def origin_is_an_origin(**_: Any) -> list[CheckMessage]:
    parts = urlsplit(settings.MARKETPLACE_URL)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        message = (
            f"MARKETPLACE_URL must be an origin such as https://crowd.example.org, not {settings.MARKETPLACE_URL!r}"
        )
        return [Error(message, id="marketplace.E001")]
    return []


@register
def every_operation_has_a_handler(**_: Any) -> list[CheckMessage]:
    from annotation.marketplace.operations import HANDLERS
    from annotation.marketplace.protocol import codec

    try:
        names = set(codec.service_model().operation_names)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="marketplace.E002")]
    missing, unknown = names - set(HANDLERS), set(HANDLERS) - names
    if missing or unknown:
        return [
            Error(f"operations without a handler: {missing}; handlers without one: {unknown}", id="marketplace.E003")
        ]
    return []


@register
def faults_stay_in_tests(**_: Any) -> list[CheckMessage]:
    if settings.MARKETPLACE_FAULTS and urlsplit(settings.MARKETPLACE_URL).scheme == "https":
        message = "MARKETPLACE_FAULTS opens a door by which anybody moves this site's clock; it is for tests only"
        return [Warning(message, id="marketplace.W001")]
    return []
