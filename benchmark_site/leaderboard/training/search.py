"""What the model trained on a release says to a sentence: moments of its labelled clips, or one of the options.

Loads torch where it answers: workers only.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from benchmark_site.jobs import asking
from benchmark_site.leaderboard.models import State, TrainingRun
from benchmark_site.leaderboard.task_names import SEARCH
from benchmark_site.leaderboard.training.systems import model_folder
from benchmark_site.releases.files.features import feature_set
from benchmark_site.releases.models import Release
from benchmark_site.releases.plots import LABELLED

if TYPE_CHECKING:
    from hero_model.inference.search import HeroSearch, Moment

MOMENTS = 5
WAIT_S = 20.0  # for a worker to begin; the first question to a model waits for it to read the clips
OPTIONS = range(2, 7)


def trained(release: Release) -> TrainingRun | None:
    """The latest run on this release that has ended well."""
    return release.training_runs.filter(state=State.DONE).first()


def look(run: TrainingRun, question: str, options: list[str]) -> dict[str, Any] | None:
    """The answer, or None while a worker is at it; as `answer` leaves it. Raises what `asking.look` raises."""
    return asking.look(SEARCH, {"run_id": run.pk, "question": question, "options": options}, wait_s=WAIT_S)


def answer(run_id: int, question: str, options: list[str]) -> None:
    """Leave `{"moments": […]}`, with options also `{"chances": {option: 0 to 1}}`, or `{"error": why not}`."""
    from hero_model.errors import InputError

    try:
        found = _answer(_searcher(run_id), question, options)
    except InputError as error:
        found = {"error": str(error)}
    asking.leave(SEARCH, {"run_id": run_id, "question": question, "options": options}, found)


def _answer(model: HeroSearch, question: str, options: list[str]) -> dict[str, Any]:
    if not options:
        return {"moments": [_told(moment) for moment in model.search(question, MOMENTS)]}
    chosen = model.answer(question, options)
    return {"moments": [_told(chosen.moment)], "chances": chosen.probabilities}


def _told(moment: Moment) -> dict[str, Any]:
    return {"clip": moment.video, "start": moment.start, "end": moment.end}


@lru_cache(maxsize=1)
def _searcher(run_id: int) -> HeroSearch:
    """The model and the release's clips, kept for the next question. Raises InputError."""
    import torch

    from hero_model.data.release import open_release
    from hero_model.inference.search import HeroSearch

    run = TrainingRun.objects.select_related("release").get(pk=run_id)
    torch.set_num_threads(run.threads)
    return HeroSearch.of_release(
        model_folder(run), open_release(run.release.folder), LABELLED, feature_set(run.release)
    )
