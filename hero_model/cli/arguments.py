"""Kinds of command line arguments that several commands take."""

import argparse
from collections.abc import Callable

from hero_model.device import DEVICES


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """An argument type: a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low} to {high}, got {text!r}")
        return value

    return parse


def add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=whole_number(1, 256), default=2, help="CPU threads (default 2)")


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto: a GPU where there is one (default)")
