"""Refusals: the one kind of error that a command turns into a line and exit status 2, and how others become one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Refusal(Exception):
    """What was given cannot be used; the message names the file, field or id and what was expected.

    Each core derives its own, so that whoever uses several can tell whose it was.
    """


@contextmanager
def refusing(what: str, error: type[Refusal]) -> Iterator[None]:
    """Whatever is raised over a foreign file or model becomes an `error` of one line that begins with `what`."""
    try:
        yield
    except error:
        raise
    except Exception as cause:  # a library fails in as many ways as a file has fields
        raise error(f"{what}: {reason(cause)}") from cause


@contextmanager
def opening(path: Path, error: type[Refusal]) -> Iterator[None]:
    """What the system refuses becomes an `error` that names the file."""
    try:
        yield
    except OSError as cause:
        raise error(f"{path}: {reason(cause)}") from cause


def reason(error: Exception) -> str:
    """One line that says why."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"lacks {error}"
    return " ".join(str(error).split()) or type(error).__name__
