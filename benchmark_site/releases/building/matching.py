"""Second step of a build: adversarial negatives inside each split, and the audit before and after.

Loads torch: workers and commands only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from adversarial.audit.artifacts import suspects
from adversarial.audit.report import blind_chances, blind_report, chances_from
from adversarial.data.errors import ItemError
from adversarial.data.options import written_item
from adversarial.data.schema import Item as Question
from adversarial.data.schema import Origin
from adversarial.negatives.set_aside import most_predictable
from adversarial.relevance.likeness import Texts
from annotation.models import Question as Collected
from benchmark_site.jobs.leases import locked
from benchmark_site.releases.building.match_shards import forget_shards, match_in_shards, read_texts
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Exclusion, Item, Negative, Release, Suspect
from benchmark_site.releases.quality.copies import copied_into_labelled
from benchmark_site.releases.quality.items import exclusion
from benchmark_site.releases.quality.rows import Row, item_row, refuse_blocked
from benchmark_site.releases.quality.rulings import Rulings, read_rulings
from benchmark_site.releases.quality.warnings import warn_of_blind
from benchmark_site.releases.quality.whole import check_matched
from benchmark_site.releases.split.carry_over import Carried, asked, carried
from benchmark_site.releases.split.deal import FLOOR
from benchmark_site.releases.split.seal import HIDDEN


def match_negatives(lease: Release) -> None:
    """Replace written negatives, one a question or all, set aside what stays predictable, measure blind accuracy.

    Raises BuildError by the quality gate.
    """
    release = Release.objects.get(pk=lease.pk)
    questions = list(release.items.filter(kind=Item.Kind.QA).select_related("video").order_by("public_id"))
    report: Row = {}
    blind: Row = {}
    negatives: list[Negative] = []
    found: list[Row] = []
    known = carried(release, questions)
    predictable: list[Item] = []
    if questions:
        rulings = read_rulings()
        try:
            wanted = _to_match(release, questions, known, rulings)
            read = read_texts(release.pk, [*wanted, *known.questions, *map(written_item, known.questions)])
            matched, report = match_in_shards(release, wanted, release.replaced)
            unsettled = [item for item in questions if not rulings.keeps(item)]
            predictable = _predictable(release, unsettled, matched, read)
            if predictable:
                questions = sorted({*questions} - {*predictable}, key=lambda item: item.public_id)
                again = _to_match(release, questions, known, rulings)
                matched, report = match_in_shards(release, again, release.replaced, again=True)
        except ItemError as error:
            raise BuildError(f"negatives: {error}") from error
        matched += known.questions
        written = _by_writers(matched)
        blind = _blind(written, release.seed, read)
        found = rulings.open(suspects(matched), matched)
        negatives = _apply(questions, matched)
        _rate(questions, written, blind["after"], release.seed, read)
    for item in copied_into_labelled(questions):  # by its matched options: it can be looked up now
        item.published = False
    published = [item for item in questions if item.published]
    quality = [*check_matched(release, published, negatives, found), *warn_of_blind(blind, release.option_count)]
    if release.set_aside:
        quality.append(item_row("P1", "no model without the video is sure of it", predictable, questions, "exclude"))
    _keep_refusal(lease, quality)
    with locked(lease) as release:
        Item.objects.bulk_update(questions, ["options", "answer_index", "published", "blind_chance"], batch_size=1000)
        Item.objects.filter(pk__in=[item.pk for item in predictable]).delete()
        Exclusion.objects.bulk_create(exclusion(item, "P1", _how_sure(item)) for item in predictable)
        Negative.objects.bulk_create(negatives, batch_size=1000)
        Suspect.objects.bulk_create(_suspects(published, found), batch_size=1000)
        release.matching, release.blind = report, blind
        release.quality = _sorted([*release.quality, *quality])
        release.step = Release.Step.AUDIT
        release.save(update_fields=["matching", "blind", "quality", "step"])
    forget_shards(lease.pk)


def _predictable(release: Release, questions: Sequence[Item], matched: Sequence[Question], read: Texts) -> list[Item]:
    """The questions that are set aside, with their blind chance: the release's share of what was matched now.

    A hidden split keeps FLOOR of them.
    """
    if not release.set_aside:
        return []
    try:
        chances = blind_chances(_by_writers(matched), seed=release.seed, known=read)
    except ItemError:  # too few to be tried: the audit says so on the release's page
        return []
    of = {item.public_id: item for item in questions}
    surest = most_predictable(matched, chances, release.set_aside / 100)
    gone = [of[int(qid)] for qid in surest if qid in of]  # somebody has decided that the others stay
    for item in gone:
        item.blind_chance = chances[item.public_id]
    hidden = [item for item in gone if item.split == HIDDEN]
    spare = sum(question.split == HIDDEN for question in matched) - FLOOR
    return [item for item in gone if item.split != HIDDEN] + hidden[: max(0, spare)]


def _how_sure(item: Item) -> str:
    return f"models without the video give the right answer a chance of {item.blind_chance:.2f}: rewrite its options"


def _keep_refusal(lease: Release, quality: Sequence[Row]) -> None:
    """Raises BuildError where a check blocks; the page then shows its row, by which somebody may answer for it."""
    waived = set(lease.waivers.values_list("attack", flat=True))
    try:
        refuse_blocked(quality, waived)
    except BuildError:
        with locked(lease) as release:
            release.quality = _sorted([*release.quality, *quality])
            release.save(update_fields=["quality"])
        raise


def _sorted(quality: Sequence[Row]) -> list[Row]:
    """By the checks' names; what an earlier attempt found is told anew."""
    latest = {(row["id"], row["title"]): row for row in quality}
    return sorted(latest.values(), key=lambda row: (row["id"][0], int(row["id"][1:])))


def _by_writers(matched: Sequence[Question]) -> list[Question]:
    """The questions with who wrote them, where a worker did: models know people's habits from other questions."""
    workers = Collected.objects.filter(public_id__in=[question.qid for question in matched])
    of: dict[object, int | None] = dict(workers.values_list("public_id", "assignment__worker_id"))
    return [replace(question, annotator=of.get(question.qid)) for question in matched]


def _blind(matched: Sequence[Question], seed: int, read: Texts) -> Row:
    """The audit of the written and of the matched options; with too few questions, no accuracies and the reason.

    Of labelled splits alone, whose exact figures everybody may read; the leak audit tries the hidden one.
    """
    labelled = [question for question in matched if question.split != HIDDEN]
    try:
        after = blind_report(labelled, seed=seed, known=read)
    except ItemError as error:
        refused = {"panel": {}, "refused": str(error)}
        return {"before": refused, "after": refused}
    return {"before": after.pop("before", after), "after": after}


def _rate(questions: Sequence[Item], matched: Sequence[Question], blind: Row, seed: int, read: Texts) -> None:
    """How easy each question is without its video: the labelled ones as the audit found, the hidden ones by models of
    all labelled. Where too few are labelled, all together; where all are too few, they stay unrated.
    """
    try:
        chances = _chances(matched, blind, seed, read)
    except ItemError:  # the audit has said so on the release's page
        return
    for item in questions:
        item.blind_chance = chances.get(item.public_id)


def _chances(matched: Sequence[Question], blind: Row, seed: int, read: Texts) -> dict[str | int, float]:
    """By id. Raises ItemError for too few questions."""
    if "refused" in blind:
        return blind_chances(matched, seed=seed, known=read)
    chances: dict[str | int, float] = {int(qid): chance for qid, chance in blind["difficulty"].items()}
    labelled = [question for question in matched if question.split != HIDDEN]
    if hidden := [question for question in matched if question.split == HIDDEN]:
        chances |= chances_from(labelled, hidden, seed=seed, known=read)
    return chances


def _to_match(release: Release, questions: Sequence[Item], known: Carried, rulings: Rulings) -> list[Question]:
    """What is to be matched: without the carried questions and without the reserve that would give something away."""
    sealed = release.hidden == Release.Hidden.SEALED
    return [
        asked(
            item,
            reserve=not item.published if sealed and item.split == HIDDEN else None,
            unwanted=rulings.unwanted(item),
        )
        for item in questions
        if known.leaves(item)
    ]


def _apply(questions: Sequence[Item], matched: Sequence[Question]) -> list[Negative]:
    """Give the items their new options; the unsaved negatives among them."""
    by_qid: dict[object, Item] = {item.public_id: item for item in questions}
    negatives = []
    for new in matched:
        item = by_qid[new.qid]
        item.options, item.answer_index = list(new.answers), new.answer_idx
        negatives += [
            _negative(item, place, origin, by_qid)
            for place, origin in enumerate(new.origins)
            if origin.source == "matched"
        ]
    return negatives


def _suspects(published: Sequence[Item], found: Sequence[Row]) -> Iterator[Suspect]:
    """Unsaved, those of published questions, whose options have been set."""
    by_qid = {item.public_id: item for item in published}
    for row in found:
        if row["qid"] in by_qid:
            yield Suspect(item=by_qid[row["qid"]], option=row["option"], reason=row["reason"], score=row["score"])


def _negative(item: Item, place: int, origin: Origin, by_qid: Mapping[object, Item]) -> Negative:
    assert origin.relevance is not None  # the matching says all of this of what it matched
    assert origin.similarity is not None
    assert origin.replaced is not None
    return Negative(
        item=item,
        option=place,
        source=by_qid[origin.source_qid],
        relevance=origin.relevance,
        similarity=origin.similarity,
        replaced=origin.replaced,
    )
