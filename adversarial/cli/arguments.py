"""Kinds of command line arguments, and a parser that refuses in one line."""

import argparse
import math
from collections.abc import Callable
from typing import NoReturn

from adversarial.data.errors import ItemError


class Parser(argparse.ArgumentParser):
    """Raises ItemError where argparse prints its usage and leaves."""

    def error(self, message: str) -> NoReturn:
        raise ItemError(f"{message} (try {self.prog} --help)")


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """An argument type: a whole number from ``low`` to ``high``, or without end."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            wanted = f"from {low} to {high}" if high is not None else f"of {low} or more"
            raise argparse.ArgumentTypeError(f"expected a whole number {wanted}, got {text[:40]!r}")
        return value

    return parse


def finite(text: str) -> float:
    """An argument type: a number, neither nan nor infinite."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a number, got {text[:40]!r}")
    return value


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = finite(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1, got {text}")
    return value
