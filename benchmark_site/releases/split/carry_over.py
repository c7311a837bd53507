"""Hidden questions keep the options under which they were first published.

Another negative in the next version would tell by comparison which option was lent, and an answer that is lent to
another question in the next version that it was right in neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adversarial.text.normalise import canonical
from benchmark_site.releases.models import Item, Negative, Release
from benchmark_site.releases.split.seal import HIDDEN


@dataclass
class Carried:
    """Rows as the matching gives them, and what they use up."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    qids: set[int] = field(default_factory=set)  # the carried questions
    lent: set[int] = field(default_factory=set)  # questions whose right answer was lent in an earlier version
    texts: set[str] = field(default_factory=set)  # canonical options of the carried questions

    def leaves(self, item: Item) -> bool:
        """Whether the matching may still use this question."""
        if item.split != HIDDEN:
            return True
        if item.published:
            return item.public_id not in self.qids
        return item.public_id not in self.lent and canonical(item.options[item.answer_index or 0]) not in self.texts


def carried(release: Release, questions: Sequence[Item]) -> Carried:
    """The hidden questions of earlier frozen releases that ask the same and have the same right answer."""
    found = Carried()
    frozen = Item.objects.filter(release__state=Release.State.FROZEN, kind=Item.Kind.QA, split=HIDDEN, published=True)
    found.lent = set(Negative.objects.filter(item__in=frozen).values_list("source__public_id", flat=True))
    by_qid = {item.public_id: item for item in questions if item.split == HIDDEN}
    earlier = frozen.filter(public_id__in=[qid for qid, item in by_qid.items() if item.published])
    latest = {
        item.public_id: item
        for item in earlier.prefetch_related("negatives__source").order_by("release__frozen_at")
        if _same(item, by_qid[item.public_id])
    }
    found.rows = [_row(by_qid[qid], before, by_qid) for qid, before in latest.items()]
    found.qids = set(latest)
    found.texts = {canonical(option) for before in latest.values() for option in before.options}
    return found


def _same(before: Item, now: Item) -> bool:
    return (before.text, before.options[before.answer_index or 0]) == (now.text, now.options[now.answer_index or 0])


def _row(now: Item, before: Item, by_qid: Mapping[int, Item]) -> dict[str, Any]:
    """The row of an earlier version, as adversarial.match_items would give it.

    A lent option stays also where its lender is gone; then it counts as written.
    """
    options: list[dict[str, Any]] = [{"source": "human"} for _ in before.options]
    options[before.answer_index or 0]["source"] = "correct"
    for negative in before.negatives.all():
        lender = by_qid.get(negative.source.public_id)
        if lender is None or not _same(negative.source, lender):
            continue
        options[negative.option] = {
            "source": "matched",
            "source_qid": negative.source.public_id,
            "relevance": negative.relevance,
            "similarity": negative.similarity,
            "replaced": negative.replaced,
        }
    return {
        "qid": now.public_id,
        "video_id": now.video.public_id,
        "question": now.text,
        "answers": before.options,
        "answer_idx": before.answer_index,
        "fold": now.split,
        "options": options,
    }
