"""One thing that speaks against an answer."""

from __future__ import annotations


class Flag(str):
    """A sentence for the reviewer, and the kind of evidence that it is (docs/reviewers.md lists the kinds)."""

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, kind: str, text: str) -> Flag:
        flag = super().__new__(cls, text)
        flag.kind = kind
        return flag
