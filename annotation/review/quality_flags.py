"""What speaks against an answer. Flags are shown to the reviewer; they never reject by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import F, Q, QuerySet

from adversarial.text.normalise import canonical
from annotation.models import Assignment, Hit, Worker
from annotation.models.crowd import Kind
from annotation.review.agreement import SAME, span_of, stands_alone
from annotation.review.arrival import receipts_of
from annotation.review.conduct import conduct_flags
from annotation.review.flag import Flag
from annotation.review.text import text_rules
from annotation.review.text.sketch import sketch
from annotation.review.text.text_hints import SENTENCES, alike, hints

WHOLE_CLIP = 0.9
FEW_GOLD = 4  # answers of known truth from which a worker's share of right ones tells something
GOLD_RIGHT = 0.5
FEW_COMPARED = 8  # answers from which a worker's agreement with others tells something
RELIABLE = 0.4
MOST_AKIN = 200  # texts that are compared with one
ALONE = "other answers agree on another moment"  # how the one sentence ends that a rejection bears on
NAMES = {
    "query": "text",
    "question": "question",
    "correct": "right answer",
    "wrong_1": "first wrong answer",
    "wrong_2": "second wrong answer",
    "wrong_3": "third wrong answer",
}


def of_segment(assignment: Assignment, start: float, end: float) -> list[Flag]:
    """Flags of a marked moment; `start` and `end` in seconds of the clip."""
    length = end - start
    share = length / assignment.hit.shown_clip.duration
    low, high = text_rules.USUAL_SEGMENT_S
    found = []
    if share >= WHOLE_CLIP:
        found.append(Flag("whole clip", f"marks {share:.0%} of the clip"))
    if not low <= length <= high:
        found.append(Flag("seconds", f"lasts {length:.1f} s (usual: {low:g} to {high:g} s)"))
    same = _others_of_worker(assignment).filter(payload__start=start, payload__end=end).count()
    if same:
        found.append(Flag("same times", f"the same start and end as {same} other answers of this worker"))
    return found


def of_unit(assignment: Assignment, standing: Sequence[Assignment]) -> list[Flag]:
    """That a marked moment stands alone where the unit's others agree; `standing`: those that nobody has rejected."""
    span = span_of(assignment.payload)
    others = [found for row in standing if row != assignment and (found := span_of(row.payload))]
    if span is None or not stands_alone(span, others):
        return []
    return [Flag("alone", f"the {len(others)} {ALONE}")]


def of_text(assignment: Assignment, payload: dict[str, Any]) -> list[Flag]:
    """Flags of a written answer: what its texts say by themselves, and what others like them there are."""
    said = [str(row["text"]) for row in assignment.hit.shown_clip.subtitles()]
    found = [Flag(kind, f"the {NAMES[field]} {SENTENCES[kind]}") for field, kind in hints(payload, said)]
    return found + _of_likeness(assignment, payload)


def whole_text(payload: dict[str, Any]) -> str:
    """All that a worker wrote, in one text; empty for other answers."""
    return " / ".join(str(payload[name]) for name in NAMES if name in payload)


def _of_likeness(assignment: Assignment, payload: dict[str, Any]) -> list[Flag]:
    leading = next(name for name in NAMES if name in payload)
    text, folded = whole_text(payload), canonical(payload[leading])
    equal = near = foreign = 0
    unit = assignment.hit.clip_id, assignment.hit.segment_id
    units: set[tuple[int | None, int | None]] = set()
    for row in akin(assignment, text).select_related("hit"):
        likeness = alike(text, whole_text(row.payload or {}))
        same = canonical((row.payload or {})[leading]) == folded
        if likeness == 1 and (row.hit.clip_id, row.hit.segment_id) != unit:
            units.add((row.hit.clip_id, row.hit.segment_id))
        if row.worker_id == assignment.worker_id:
            equal += same
            near += not same and likeness >= text_rules.RULES["own_texts_alike"]
        else:
            foreign += row.pk < assignment.pk and likeness >= text_rules.RULES["others_texts_alike"]
    found = []
    if equal:
        found.append(Flag("own text", f"the same text as {equal} other answers of this worker"))
    if near:
        found.append(Flag("near own text", f"nearly the same text as {near} other answers of this worker"))
    if foreign:
        found.append(Flag("others' text", f"nearly the same text as {foreign} earlier answers of other workers"))
    if units:
        found.append(Flag("several segments", f"the same text for {len(units)} other segments"))
    return found


def akin(assignment: Assignment, text: str) -> QuerySet[Assignment]:
    """Answers by the same group that may be nearly equal to the text, the last first."""
    beside = Kind(assignment.hit.batch.kind).beside
    rows = Assignment.objects.filter(sketch__overlap=sketch(text), batch__kind__in=beside)
    return rows.exclude(pk=assignment.pk).order_by("-pk")[:MOST_AKIN]


def of_conduct(assignment: Assignment, written: int) -> list[Flag]:
    """Flags of how the answer came about, and whether a second tab sent another one; `written` in characters."""
    receipts = receipts_of(assignment)
    found = []
    if receipts and receipts[0].payload != assignment.payload:
        found.append(Flag("changed", "it is not what our page received: how it came about is of another answer"))
    if receipts and receipts[0].conduct is not None:
        found += conduct_flags(receipts[0].conduct, *to_watch(assignment.hit), written)
    if len(receipts) > 1:
        found.append(Flag("tabs", f"sent {len(receipts)} different answers: this is the first"))
    return found


def of_gold(assignment: Assignment) -> list[Flag]:
    """That a unit's known answer was missed."""
    if assignment.gold_right is not False:
        return []
    return [Flag("gold", f"misses the moments that are known of this clip (tIoU below {SAME:g})")]


def of_worker(worker: Worker) -> list[Flag]:
    """What speaks against all that a worker sends, as far as it is known by now."""
    found = []
    if _misses_gold(worker):
        found.append(
            Flag("worker's gold", f"the worker met {worker.gold_right} of {worker.gold_answers} known answers")
        )
    if worker.compared >= FEW_COMPARED and worker.reliability is not None and worker.reliability < RELIABLE:
        found.append(
            Flag("reliability", f"others agree with the worker by {worker.reliability:.2f} ({worker.compared} answers)")
        )
    return found


def _misses_gold(worker: Worker) -> bool:
    return worker.gold_answers >= FEW_GOLD and worker.gold_right < GOLD_RIGHT * worker.gold_answers


def doubted() -> QuerySet[Worker]:
    """The workers that `of_worker` says something of."""
    misses = Q(gold_answers__gte=FEW_GOLD, gold_right__lt=F("gold_answers") * GOLD_RIGHT)
    return Worker.objects.filter(misses | Q(compared__gte=FEW_COMPARED, reliability__lt=RELIABLE))


def to_watch(hit: Hit) -> tuple[float, float]:
    """Start and end of what the task asks to watch, in seconds of the clip."""
    return (hit.segment.start, hit.segment.end) if hit.segment else (0.0, hit.shown_clip.duration)


def _others_of_worker(assignment: Assignment) -> QuerySet[Assignment]:
    """The worker's other valid answers to tasks of the same kind."""
    kind = assignment.hit.batch.kind
    answers = Assignment.objects.filter(worker=assignment.worker, batch__kind=kind, payload__isnull=False)
    return answers.exclude(pk=assignment.pk)
