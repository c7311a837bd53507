"""The one error a command turns into a message and exit status 2."""


class InputError(ValueError):
    """What the user gave cannot be used; the message names the file, field or id and what was expected."""
