"""How adversarial refuses."""

from evaluation.io.errors import Refusal


class ItemError(Refusal, ValueError):
    """The input, a parameter or a path cannot be used; the message, one line, names it and what was expected."""
