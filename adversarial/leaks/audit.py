"""The audit from a folder to a report."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from adversarial.leaks import counted, moments, orders, questions, quiz, repeats
from adversarial.leaks.proofs import proofs
from adversarial.leaks.scoring import LEVEL, Attack, Trial, best_of, compare, video_clusters
from adversarial.leaks.view import Audited, View, open_audited
from adversarial.learning.group_kfold import check_seed
from adversarial.progress import Progress, of_stage
from adversarial.relevance.likeness import Texts
from adversarial.relevance.sentence_encoder import DEFAULT_MODEL
from evaluation import __version__
from evaluation.release import SPLITS

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "sentence-transformers")


def audit_release(
    folder: Path, seed: int = 0, progress: Progress | None = None, known: Texts | None = None
) -> dict[str, Any]:
    """Attack the hidden truth of a full copy of a release with its public files; see docs/adversarial.md.

    ``known`` are texts that were encoded before.
    The report: `rows` (one a comparison, worst first, numbers in percent), `proofs` (ids by name of the proof),
    `blocked` (names of attacks and proofs), `comparisons`, `correction`, `notes`, and what it was made of. Raises
    ItemError for a folder that is no release, or has no truth.
    """
    check_seed(seed)
    audited = open_audited(folder)
    with threadpool_limits(1):  # one thread for each product: the result stays the same
        hidden = moments.drawn(audited.moments, seed) if audited.moments else None
        every, read = _texts(audited.view, hidden, seed)
        texts = Texts(every, of_stage(progress, "texts"), known=known, read=read)
        trials, notes = _trials(audited, hidden, texts, seed, progress)
        rows = compare(trials, seed)
    certain = proofs(audited)
    convicted = [*certain, *(row["attack"] for row in rows if row["blocks"])]
    return {
        "release": {
            "name": audited.name,
            "version": audited.version,
            "hidden": audited.hidden,
            "manifest_sha256": audited.manifest_sha256,
        },
        "rows": rows,
        "proofs": certain,
        "blocked": list(dict.fromkeys(convicted)),
        "comparisons": len(rows),
        "correction": f"Bonferroni: each difference at {1 - LEVEL / max(1, len(rows)):.4%}, all together at 95 %",
        "notes": notes,
        "seed": seed,
        "model": DEFAULT_MODEL,
        "versions": {"evaluation": __version__} | {name: version(name) for name in _LIBRARIES},
    }


def _trials(
    audited: Audited, hidden: moments.Hidden | None, texts: Texts, seed: int, progress: Progress | None
) -> tuple[list[Trial], list[str]]:
    """The trials of the tasks that can be audited, and a sentence for each that cannot, or not as a whole."""
    trials, notes = [], []
    if hidden and audited.moments:
        trials.append(_moment_trial(moments.Search(audited.view, hidden, texts, seed), progress))
        if len(hidden.truth) < len(audited.moments):
            notes.append(f"moment: {len(hidden.truth)} of {len(audited.moments)} hidden rows, of clips that were drawn")
    else:
        notes.append("moment: no hidden rows, skipped")
    if not audited.questions:
        notes.append("qa: no hidden rows, skipped")
    elif any(split not in audited.view.questions for split in SPLITS):
        notes.append("qa: blind models need labelled questions in train and in val, skipped")
    else:
        splits = [audited.view.questions[split] for split in SPLITS]
        asked = quiz.Quiz(splits, audited.questions, texts, seed, of_stage(progress, "questions item by item"))
        trials.append(_question_trial(asked, audited.view, progress))
    return trials, notes


def _moment_trial(search: moments.Search, progress: Progress | None) -> Trial:
    without = best_of(moments.without_leaks(search))
    families = chain(moments.cross_task(search), moments.across_splits(search), orders.bookkeeping(search))
    attacks = list(_counted(families, of_stage(progress, "moments")))
    return Trial(video_clusters(search.truth), without, attacks)


def _question_trial(asked: quiz.Quiz, view: View, progress: Progress | None) -> Trial:
    without = best_of(quiz.without_leaks(asked))
    families = chain(
        questions.cross_task(asked, view),
        questions.across_splits(asked),
        repeats.file_level(asked),
        counted.bookkeeping(asked),
    )
    attacks = list(_counted(families, of_stage(progress, "questions")))
    return Trial(video_clusters(asked.truth), without, attacks)


def _counted(attacks: Iterable[Attack], progress: Callable[[float], None] | None) -> Iterator[Attack]:
    for number, attack in enumerate(attacks, 1):
        yield attack
        if progress:
            progress(number / (number + 20))  # how many there will be is not known


def _texts(view: View, hidden: moments.Hidden | None, seed: int) -> tuple[set[str], set[str]]:
    """Every text that an attack compares, and those whose meaning is compared as well."""
    asked = {text for rows in view.questions.values() for text in chain(rows.q, *rows.options)}
    queries = {text for rows in view.moments.values() for text in rows.desc}
    read = asked | (moments.read_texts(view, hidden, seed) if hidden else set())
    if asked:  # the options are compared with all queries
        read |= queries
    return queries | read, read
