"""What speaks against an answer. Evidence is shown to the reviewer; it never rejects by itself."""

from __future__ import annotations

from typing import Any

from annotation.models import Assignment
from annotation.models.crowd import Kind
from annotation.review import text_rules

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


def gather(assignment: Assignment) -> list[str]:
    """Sentences for the reviewer about one collected answer with a valid payload."""
    payload = assignment.payload or {}
    if assignment.hit.batch.kind == Kind.SEGMENT:
        return _about_segment(assignment, payload)
    return _about_text(assignment, payload)


def _about_segment(assignment: Assignment, payload: dict[str, Any]) -> list[str]:
    length = payload["end"] - payload["start"]
    share = length / assignment.hit.shown_clip.duration
    low, high = text_rules.USUAL_SEGMENT_S
    found = []
    if share >= WHOLE_CLIP:
        found.append(f"marks {share:.0%} of the clip")
    if not low <= length <= high:
        found.append(f"lasts {length:.1f} s (usual: {low:g} to {high:g} s)")
    same = (
        Assignment.objects.filter(worker=assignment.worker, hit__batch__kind=Kind.SEGMENT, payload__isnull=False)
        .exclude(pk=assignment.pk)
        .filter(payload__start=payload["start"], payload__end=payload["end"])
        .count()
    )
    if same:
        found.append(f"the same start and end as {same} other answers of this worker")
    return found


def _about_text(assignment: Assignment, payload: dict[str, Any]) -> list[str]:
    text = _main_text(payload)
    found = []
    said = [str(row["text"]) for row in assignment.hit.shown_clip.subtitles()]
    copied = max((alike(text, sentence) for sentence in said), default=0.0)
    if copied >= COPIED:
        found.append(f"repeats what is said in the clip ({copied:.0%} alike)")
    earlier = (
        Assignment.objects.filter(
            hit__batch__kind=assignment.hit.batch.kind, worker=assignment.worker, payload__isnull=False
        )
        .exclude(pk=assignment.pk)
        .exclude(hit__batch__isnull=True)
    )
    same = sum(text_rules.fold(_main_text(row.payload or {})) == text_rules.fold(text) for row in earlier)
    if same:
        found.append(f"the same text as {same} other answers of this worker")
    tokens = [token.casefold() for token in text_rules.words(text)]
    if tokens and len(set(tokens)) <= len(tokens) // 2:
        found.append(f"{len(set(tokens))} different words of {len(tokens)}")
    return found


def _main_text(payload: dict[str, Any]) -> str:
    return str(payload.get("query") or payload.get("question") or "")
