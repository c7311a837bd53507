"""The matching of a release, shard by shard: every idle worker takes one, and a killed build goes on where it stood.

The builder works through the shards from the first to the last, the tasks it queues begin with the last; a lock on each
shard's file lets the one wait where another is at work, so each shard is matched once. The folder must be shared by the
workers (MEDIA_ROOT is); a worker that does not see it does nothing.

Loads torch: workers and commands only.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from adversarial.data.schema import Item
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.shard_files import gather_items, run_shard
from adversarial.negatives.shard_plan import QuestionTable, plan
from adversarial.relevance.likeness import Texts, texts_of
from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.releases.models import Release
from benchmark_site.releases.task_names import MATCH_SHARD
from evaluation.release.writer import SECRET_FOLDER

logger = logging.getLogger(__name__)


def read_texts(release_id: int, questions: Sequence[Item]) -> Texts:
    """Every question and option, encoded once for all models and all shards of a build; a killed build has them."""
    path = _texts(release_id)
    path.parent.mkdir(SECRET_FOLDER, parents=True, exist_ok=True)  # the right answers of test lie in it
    said = sorted(set(texts_of(questions)))
    if (kept := known_texts(release_id)) is not None and list(kept.read) == said:
        return kept
    texts = Texts(said)
    texts.save(path)
    return texts


def known_texts(release_id: int) -> Texts | None:
    """What `read_texts` left, or None where nothing is left."""
    path = _texts(release_id)
    return Texts.load(path) if path.exists() else None


def match_in_shards(
    release: Release, questions: Sequence[Item], replace: int, *, again: bool = False
) -> tuple[list[Item], dict[str, Any]]:
    """The questions with their matched options, in their old order, and the report. Raises ItemError.

    `again`: for a second time in one build; what the first left stays, so that a killed build has both. Texts that
    `read_texts` has left are not encoded again.
    """
    table = QuestionTable(questions)
    work = _folder(release.pk) / table.sha256()[:16]
    if not again:
        _forget_others(work)
    work.parent.mkdir(SECRET_FOLDER, parents=True, exist_ok=True)  # the right answers of test lie in it
    settings = MatchSettings(replace=replace, seed=release.seed, order_key=_order_key(release))
    texts = _texts(release.pk)
    count = plan(table, work, settings, texts=texts if texts.exists() else None)
    for shard in reversed(range(1, count)):
        enqueue(MATCH_SHARD, release_id=release.pk, fold=shard)
    for shard in range(count):
        run_shard(work, shard)
    return gather_items(work)


def match_one(release_id: int, shard: int) -> None:
    """Match one shard of a release at work; does nothing where it is done, or not wanted any more."""
    for planned in _folder(release_id).glob("*/plan.json"):
        try:
            run_shard(planned.parent, shard)
        except FileNotFoundError:  # the builder finished, and forgot the folder, while this one waited for the lock
            logger.info("release %s: shard %s is done", release_id, shard)


def _order_key(release: Release) -> str:
    """Ids and seed are public; the order of the options must not follow from them."""
    return hashlib.sha256(f"order of options\n{release.seal}".encode()).hexdigest()


def forget(release_id: int) -> None:
    """Delete all that the matching of a release left."""
    shutil.rmtree(_folder(release_id), ignore_errors=True)


def _folder(release_id: int) -> Path:
    return Path(settings.MEDIA_ROOT) / "matching" / str(release_id)


def forget_shards(release_id: int) -> None:
    """Delete what the shards left, and keep the texts: the attack on the files compares them, too."""
    _forget_others(_folder(release_id) / "none")


def _texts(release_id: int) -> Path:
    return _folder(release_id) / "texts.npz"


def _forget_others(work: Path) -> None:
    """Delete the shards of an earlier attempt on other questions."""
    for left_over in work.parent.glob("*"):
        if left_over != work and left_over.is_dir():
            shutil.rmtree(left_over, ignore_errors=True)
