"""The one error a command turns into a line and exit status 2, and how files and libraries come to raise it."""

from collections.abc import Iterator
from contextlib import contextmanager


class ItemError(ValueError):
    """The input, a parameter or a path cannot be used; the message, one line, names it and what was expected."""


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Whatever is raised over a foreign file or model becomes an ItemError of one line that begins with ``what``."""
    try:
        yield
    except ItemError:
        raise
    except Exception as error:  # a library fails in as many ways as a file has fields
        raise ItemError(f"{what}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """One line that says why."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"lacks {error}"
    return " ".join(str(error).split()) or type(error).__name__
