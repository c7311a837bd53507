"""Hidden questions keep the options under which they were first published.

Another negative in the next version would tell by comparison which option was lent, and an answer that is lent to
another question in the next version that it was right in neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import QuerySet

from adversarial.data.schema import Item as Question
from adversarial.data.schema import Origin
from annotation.review.corrections import former_ids
from benchmark_site.releases.models import Item, Negative, Release
from benchmark_site.releases.split.seal import HIDDEN


@dataclass
class Carried:
    """Questions as the matching gives them, and what they use up."""

    questions: list[Question] = field(default_factory=list)
    qids: set[int] = field(default_factory=set)  # the carried questions
    lent: set[int] = field(default_factory=set)  # questions whose right answer was lent in an earlier version

    def leaves(self, item: Item) -> bool:
        """Whether the matching may still use this question."""
        if item.split != HIDDEN:
            return True
        if item.published:
            return item.public_id not in self.qids
        return item.public_id not in self.lent


def carried(release: Release, questions: Sequence[Item]) -> Carried:
    """The hidden questions of earlier frozen releases that ask the same and have the same right answer."""
    found = Carried()
    frozen = Item.objects.filter(release__state=Release.State.FROZEN, kind=Item.Kind.QA, split=HIDDEN, published=True)
    by_qid = {item.public_id: item for item in questions if item.split == HIDDEN}
    found.lent = _lent(frozen, by_qid)
    earlier = frozen.filter(public_id__in=[qid for qid, item in by_qid.items() if item.published])
    latest = {
        item.public_id: item
        for item in earlier.prefetch_related("negatives__source").order_by("release__frozen_at")
        if _same(item, by_qid[item.public_id])
    }
    found.questions = [_as_before(by_qid[qid], before, by_qid) for qid, before in latest.items()]
    found.qids = set(latest)
    return found


def _lent(frozen: QuerySet[Item], by_qid: Mapping[int, Item]) -> set[int]:
    """Questions of today whose right answer was lent in a frozen release, perhaps when they read otherwise.

    Of a release of another site nobody knows here what its own earlier versions lent: its whole reserve counts.
    """
    lent = set(Negative.objects.filter(item__in=frozen).values_list("source__public_id", flat=True))
    foreign = Item.objects.filter(release__state=Release.State.FROZEN, release__matching={}, published=False)
    lent |= set(foreign.filter(kind=Item.Kind.QA, split=HIDDEN).values_list("public_id", flat=True))
    before = former_ids(Item.Kind.QA)
    return lent | {qid for qid, item in by_qid.items() if before.get(item.text, set()) & lent}


def corrected(items: Sequence[Item]) -> list[Item]:
    """Hidden questions that a frozen release has published otherwise, perhaps under the id of an earlier text.

    Published again they would tell by comparison: what stands in both versions was written, what changed was right.
    """
    now = {item.public_id: item for item in items if item.kind == Item.Kind.QA and item.split == HIDDEN}
    before = former_ids(Item.Kind.QA)
    frozen = Item.objects.filter(release__state=Release.State.FROZEN, kind=Item.Kind.QA, split=HIDDEN, published=True)
    changed = {item.public_id for item in frozen.filter(public_id__in=now) if not _same(item, now[item.public_id])}
    former = {qid: before.get(item.text, set()) - {qid} for qid, item in now.items()}
    told = set(frozen.filter(public_id__in=set().union(*former.values())).values_list("public_id", flat=True))
    changed |= {qid for qid, ids in former.items() if ids & told}
    return [now[public_id] for public_id in sorted(changed)]


def _same(before: Item, now: Item) -> bool:
    return (before.text, before.options[before.answer_index or 0]) == (now.text, now.options[now.answer_index or 0])


def asked(item: Item, reserve: bool | None = None, unwanted: Sequence[str] = ()) -> Question:
    """The question of a row of the database, for matching and audit; the quality gate has looked at it.

    `unwanted` are the wrong answers that somebody refused.
    """
    assert item.answer_index is not None
    return Question(
        qid=item.public_id,
        video_id=item.video.public_id,
        question=item.text,
        answers=tuple(item.options),
        answer_idx=item.answer_index,
        split=item.split,
        reserve=reserve,
        unwanted=tuple(unwanted),
    )


def _as_before(now: Item, before: Item, by_qid: Mapping[int, Item]) -> Question:
    """The question with the options of an earlier version, as the matching would give it.

    A lent option stays also where its lender is gone; then it counts as written.
    """
    assert before.answer_index is not None
    origins = [Origin("human")] * len(before.options)
    origins[before.answer_index] = Origin("correct")
    for negative in _still_lent(before, by_qid):
        qid, scores = negative.source.public_id, (negative.relevance, negative.similarity)
        origins[negative.option] = Origin("matched", qid, *scores, replaced=negative.replaced)
    options = tuple(before.options)
    return replace(asked(now), answers=options, answer_idx=before.answer_index, origins=tuple(origins))


def _still_lent(before: Item, by_qid: Mapping[int, Item]) -> Iterator[Negative]:
    for negative in before.negatives.all():
        lender = by_qid.get(negative.source.public_id)
        if lender is not None and _same(negative.source, lender):
            yield negative
