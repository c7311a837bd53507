"""How the commands of HERO refuse, and how they warn."""

from evaluation.io.errors import Refusal


class InputError(Refusal, ValueError):
    """What the user gave cannot be used; the message names the file, field or id and what was expected."""


class InputWarning(UserWarning):
    """A part of what the user gave is not used; the message names it."""
