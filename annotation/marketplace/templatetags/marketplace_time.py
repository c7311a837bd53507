"""Durations as people say them."""

from django import template

register = template.Library()

UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@register.filter
def duration(seconds: int) -> str:
    """The two largest units of a number of seconds: 5400 -> '1 hour 30 minutes'."""
    parts = []
    for size, name in UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts[:2]) or "0 seconds"
