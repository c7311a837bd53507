"""Ids of queries as predictions write them, turned into the numbers that stand for them.

Where the truth has texts for ids, the place of a text is its number; what it does not have gets a number beyond.
"""

import re
from collections.abc import Sequence
from functools import cached_property

from evaluation.metrics.protocol import Rules
from evaluation.predictions.errors import MOST_PROBLEMS, Findings

CANONICAL_ID = re.compile(r"(0|[1-9][0-9]{0,17})", re.ASCII)
MOST_SHOWN = 80  # letters of an unknown id in a message


class QueryIds:
    """Reads ids against `names`, the text ids of the truth in its order; without names its ids are whole numbers.

    The other kind is refused under strict rules, and taken and counted under official ones.
    """

    def __init__(self, findings: Findings, names: Sequence[str] = (), rules: Rules = "strict") -> None:
        self.findings, self.names, self.rules = findings, names, rules
        findings.names.update(enumerate(names))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def of_text(self, text: str, task: str) -> int:
        """The number for an id that stands there as a text."""
        if self.names:
            return self._place[text] if text in self._place else self._unknown(text)
        shown = _shown(text)
        if not CANONICAL_ID.fullmatch(text):
            self.findings.refuse(f"desc_id is the text '{shown}': expected a whole number", task=task, id=shown)
            return -1
        self._other_kind(f"desc_id is the text '{shown}': expected the whole number {text}", task, int(text))
        return int(text)

    def of_number(self, number: int, task: str) -> int:
        """The number for an id that stands there as a whole number."""
        if not self.names:
            return number
        self._other_kind(f"desc_id is the whole number {number}: expected a text, as in the truth", task, str(number))
        return self.of_text(str(number), task)

    def _other_kind(self, message: str, task: str, id: int | str) -> None:
        if self.rules == "strict":
            self.findings.refuse(message, task=task, id=id)
        else:
            self.findings.note("other_kind_of_id", 1)

    def _unknown(self, text: str) -> int:
        """A number that no query has; as many are told apart as messages can name."""
        number = len(self.names) + min(len(self.findings.names) - len(self.names), MOST_PROBLEMS)
        self.findings.names[number] = _shown(text)
        return number


def _shown(text: str) -> str:
    """A foreign text for a message: what cannot be printed is escaped."""
    return repr(text[:MOST_SHOWN])[1:-1]
