"""What speaks against an answer. Flags are shown to the reviewer; they never reject by themselves."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from annotation.models import Assignment, Hit, Receipt
from annotation.review import text_rules
from annotation.review.conduct import conduct_flags

COPIED = 0.8
WHOLE_CLIP = 0.9


def trigrams(text: str) -> set[str]:
    """Character 3-grams of the folded text."""
    folded = f"  {text_rules.fold(text)} "
    return {folded[i : i + 3] for i in range(len(folded) - 2)}


def alike(a: str, b: str) -> float:
    """Jaccard similarity of character 3-grams, 0 to 1."""
    left, right = trigrams(a), trigrams(b)
    return len(left & right) / len(left | right) if left | right else 1.0


def of_segment(assignment: Assignment, start: float, end: float) -> list[str]:
    """Flags of a marked moment; `start` and `end` in seconds of the clip."""
    length = end - start
    share = length / assignment.hit.shown_clip.duration
    low, high = text_rules.USUAL_SEGMENT_S
    found = []
    if share >= WHOLE_CLIP:
        found.append(f"marks {share:.0%} of the clip")
    if not low <= length <= high:
        found.append(f"lasts {length:.1f} s (usual: {low:g} to {high:g} s)")
    same = _others_of_worker(assignment).filter(payload__start=start, payload__end=end).count()
    if same:
        found.append(f"the same start and end as {same} other answers of this worker")
    return found


def of_text(assignment: Assignment, payload: dict[str, Any], field: str) -> list[str]:
    """Flags of a written answer; `field` names the text that is looked at."""
    text = payload[field]
    found = []
    said = [str(row["text"]) for row in assignment.hit.shown_clip.subtitles()]
    copied = max((alike(text, sentence) for sentence in said), default=0.0)
    if copied >= COPIED:
        found.append(f"repeats what is said in the clip ({copied:.0%} alike)")
    folded = text_rules.fold(text)
    earlier = _others_of_worker(assignment).values_list(f"payload__{field}", flat=True)
    same = sum(text_rules.fold(other) == folded for other in earlier)
    if same:
        found.append(f"the same text as {same} other answers of this worker")
    tokens = [token.casefold() for token in text_rules.words(text)]
    if tokens and len(set(tokens)) <= len(tokens) // 2:
        found.append(f"{len(set(tokens))} different words of {len(tokens)}")
    return found


def of_conduct(assignment: Assignment, written: int) -> list[str]:
    """Flags of how the answer came about, and whether a second tab sent another one; `written` in characters."""
    receipts = receipts_of(assignment)
    found = []
    if receipts and receipts[0].conduct is not None:
        found += conduct_flags(receipts[0].conduct, *to_watch(assignment.hit), written)
    if len(receipts) > 1:
        found.append(f"sent {len(receipts)} different answers: this is the first")
    return found


def receipts_of(assignment: Assignment) -> list[Receipt]:
    """What our own page received of this worker for this assignment, the first first."""
    key = {"hit": assignment.hit, "assignment_id": assignment.assignment_id}
    return list(Receipt.objects.filter(**key, worker_id=assignment.worker.worker_id).order_by("pk"))


def to_watch(hit: Hit) -> tuple[float, float]:
    """Start and end of what the task asks to watch, in seconds of the clip."""
    return (hit.segment.start, hit.segment.end) if hit.segment else (0.0, hit.shown_clip.duration)


def _others_of_worker(assignment: Assignment) -> QuerySet[Assignment]:
    """The worker's other valid answers to tasks of the same kind."""
    kind = assignment.hit.batch.kind
    answers = Assignment.objects.filter(worker=assignment.worker, hit__batch__kind=kind, payload__isnull=False)
    return answers.exclude(pk=assignment.pk)
