"""What a release's page warns of: shares beyond which a benchmark is less than its figures say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F

from adversarial.text.normalise import canonical
from annotation.models import Clip, Query, Question, Subtitle
from annotation.review.text.text_rules import QUERY_WORDS, words
from benchmark_site.releases.models import Item, Release, Split
from benchmark_site.releases.quality.items import TOLERANCE_S
from benchmark_site.releases.quality.rows import Row, share_row, told_row
from benchmark_site.releases.split.seal import HIDDEN
from benchmark_site.releases.split.video_split import TARGETS

USUAL_S = (5.0, 30.0)
SHARE_OFF = 0.005  # of the splits, from 80/10/10
NEAR = 0.9  # cosine of two texts' tf-idf
CELLS = 2**20  # pairs of hidden and other texts that are compared at once
ABOVE_CHANCE = 0.05  # of the strongest blind model's accuracy
ASKING = re.compile(r"\b(what|how|where|which|why|when|who|whose|whom)\b", re.IGNORECASE)
META = re.compile(r"\bth(is|e) (video|clip|segment)\b", re.IGNORECASE)
SHOUTED = 10  # letters, all of them capitals


def warn_of_items(items: Sequence[Item], option_count: int = Release.OptionCount.FOUR) -> list[Row]:
    """Of what a release takes, with its splits; one row a check. Questions have `option_count` options."""
    queries = [item for item in items if item.kind == Item.Kind.MOMENT]
    questions = [item for item in items if item.kind == Item.Kind.QA]
    return [
        share_row("W1", f"segments last {USUAL_S[0]:g} to {USUAL_S[1]:g} s", filter(_odd_length, items), items, 0.15),
        share_row(
            "W2", "queries have {} to {} words".format(*QUERY_WORDS), filter(_odd_words, queries), queries, 0.05
        ),
        share_row("W3", "one text on several videos", _on_several_videos(items), items, 0.01),
        share_row("W4", "hidden texts nearly equal one of train or val", _near_copies(items), items, 0.0),
        share_row("W5", "questions ask, with a mark at the end", filter(_asks_nothing, questions), questions, 0.02),
        share_row("W6", "the right answer is the longest no oftener than by chance", filter(_longest, questions),
                  questions, 1 / option_count + 0.03),
        share_row("W7", "wrong answers are written for one question", _shared_triples(questions), questions, 0.01),
        _split_shares(items),
        _writers(queries, questions),
        share_row("W12", "no text shouts or speaks of “this video”", filter(_loud, items), items, 0.01),
    ]  # fmt: skip


def warn_of_blind(blind: Mapping[str, Any], option_count: int = Release.OptionCount.FOUR) -> list[Row]:
    """Of what blind models reach on the published options; nothing where there were too few questions to try."""
    panel: dict[str, dict[str, float]] = blind.get("after", {}).get("panel", {})
    told = [
        f"{name.replace('_', ' ')} {100 * row['accuracy']:.1f} %"
        for name, row in sorted(panel.items(), key=lambda pair: -pair[1]["accuracy"])
        if row["accuracy"] > 1 / option_count + ABOVE_CHANCE
    ]
    title = f"blind models stay within {100 * ABOVE_CHANCE:g} points of chance"
    return [told_row("W9", title, told, len(panel), "warn")] if panel else []


def warn_of_footage(clips: Sequence[Clip]) -> list[Row]:
    """Whether clips and subtitles lie inside their films, as far as the films' lengths are known."""
    over = [clip.name for clip in clips if clip.video.duration and clip.end > clip.video.duration + TOLERANCE_S]
    videos = {clip.video_id for clip in clips}
    late = Subtitle.objects.filter(video__in=videos, end__gt=F("video__duration") + 1.0)
    told = [f"{name} at {start:g} s" for name, start in late.values_list("video__public_id", "start")]
    lines = Subtitle.objects.filter(video__in=videos).count()
    return [
        told_row("C1", "clips end with their film", over, len(clips), "warn"),
        told_row("C2", "subtitles end with their film", told, lines, "warn"),
    ]


def feature_row(lacking: Mapping[str, int], clips: int) -> Row:
    """The sets that are left out of the release, since they have not described every clip of it."""
    told = [f"{name} lacks {n} of {clips} clips" for name, n in sorted(lacking.items()) if n]
    return told_row("F1", "feature sets describe every clip; others are left out", told, len(lacking), "warn")


def _odd_length(item: Item) -> bool:
    return not USUAL_S[0] <= item.end - item.start <= USUAL_S[1]


def _odd_words(item: Item) -> bool:
    return not QUERY_WORDS[0] <= len(words(item.text)) <= QUERY_WORDS[1]


def _on_several_videos(items: Sequence[Item]) -> list[Item]:
    videos = defaultdict(set)
    for item in items:
        videos[item.kind, canonical(item.text)].add(item.video_id)
    return [item for item in items if len(videos[item.kind, canonical(item.text)]) > 1]


def _near_copies(items: Sequence[Item]) -> Iterator[Item]:
    """Hidden items whose words are nearly those of a labelled one of the same kind."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    for kind in Item.Kind.values:
        shown = [item for item in items if item.kind == kind and item.split != HIDDEN]
        hidden = [item for item in items if item.kind == kind and item.split == HIDDEN]
        if not shown or not hidden:
            continue
        turn = TfidfVectorizer(analyzer=_tokens)
        try:
            known = turn.fit_transform([item.text for item in shown])
        except ValueError:  # no word in any of them
            continue
        at_once = max(1, CELLS // len(shown))  # all of them would be gigabytes
        for first in range(0, len(hidden), at_once):
            part = hidden[first : first + at_once]
            best = (turn.transform([item.text for item in part]) @ known.T).toarray().max(axis=1)
            yield from (item for item, cosine in zip(part, best, strict=True) if cosine >= NEAR)


def _tokens(text: str) -> list[str]:
    return canonical(text).split()


def _asks_nothing(item: Item) -> bool:
    return not item.text.rstrip().endswith("?") or not ASKING.search(item.text)


def _longest(item: Item) -> bool:
    assert item.answer_index is not None  # the gate has looked
    right, *wrong = sorted(range(len(item.options)), key=lambda place: place != item.answer_index)
    return all(len(item.options[right]) > len(item.options[place]) for place in wrong)


def _shared_triples(questions: Sequence[Item]) -> list[Item]:
    """Questions whose wrong answers, all of them, stand under another question as well."""
    written: Callable[[Item], frozenset[str]] = lambda item: frozenset(  # noqa: E731
        canonical(option) for place, option in enumerate(item.options) if place != item.answer_index
    )
    counts = Counter(map(written, questions))
    return [item for item in questions if counts[written(item)] > 1]


def _split_shares(items: Sequence[Item]) -> Row:
    measures = {
        "videos": {item.video_id: item.split for item in items}.values(),
        "queries": [item.split for item in items if item.kind == Item.Kind.MOMENT],
        "questions": [item.split for item in items if item.kind == Item.Kind.QA],
    }
    told = [
        f"{name} {split} {100 * share:.1f} %"
        for name, splits in measures.items()
        for split in Split.values
        if splits and abs((share := list(splits).count(split) / len(splits)) - TARGETS[split]) > SHARE_OFF
    ]
    return told_row("W10", f"splits within {100 * SHARE_OFF:g} points of 80/10/10", told, 9, "warn")


def _writers(queries: Sequence[Item], questions: Sequence[Item]) -> Row:
    """What the twentieth of the annotators wrote who wrote most; imported items have no known writer."""
    wrote: Counter[int] = Counter()
    for model, items in ((Query, queries), (Question, questions)):
        ids = {item.public_id for item in items}
        found = model.objects.filter(assignment__isnull=False).values_list("public_id", "assignment__worker_id")
        wrote.update(worker for public_id, worker in found if public_id in ids)
    busiest = sum(n for _, n in wrote.most_common(max(1, len(wrote) // 20)))
    row = told_row("W11", "the busiest twentieth of the annotators wrote less than half", [], wrote.total(), "warn")
    return row | {"n": busiest, "allowed": wrote.total() // 2}


def _loud(item: Item) -> bool:
    letters = [character for character in item.text if character.isalpha()]
    shouts = len(letters) >= SHOUTED and all(character.isupper() for character in letters)
    return shouts or META.search(item.text) is not None
