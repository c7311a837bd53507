"""The one error a command turns into a message and exit status 2, and how foreign files come to raise it."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """What the user gave cannot be used; the message names the file, field or id and what was expected."""


class InputWarning(UserWarning):
    """A part of what the user gave is not used; the message names it."""


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Whatever a library raises over a foreign file becomes an InputError of one line that begins with `what`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a library fails in as many ways as a file has fields
        raise InputError(f"{what}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """One line that says why."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"lacks {error}"
    return " ".join(str(error).split()) or type(error).__name__
