"""What a child that reads what others have sent may open of this machine, where the kernel lets us say so."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from benchmark_site.jobs.child_process import Files
from benchmark_site.jobs.leases import Leased, heartbeats
from benchmark_site.leaderboard.models import Track
from evaluation.kernels.aot import object_file
from evaluation.release import FOLDERS, MANIFEST, SUBTITLES, Release, rows_name
from evaluation.release.names import FEATURES, index_name


def of_evaluator(lease: Leased, track: Track, predictions: Sequence[str], scratch: Path) -> Files:
    """Itself, the release with its truth, these files of predictions."""
    return Files([*_code(lease, "evaluation"), track.release.folder, *predictions], scratch)


def of_model(lease: Leased, track: Track, release: Release, scratch: Path) -> Files:
    """The code that runs it, and of the release what it predicts from: features, subtitles, which clips there are, and
    the rows of its split as everybody has them. Nothing held out; the model itself lies in the scratch folder.
    """
    names = [MANIFEST, SUBTITLES, *map(index_name, FOLDERS)]
    names += [rows_name(task, track.split) for task in FOLDERS if task == track.task]
    names += [entry.path for entry in release.files() if Path(entry.path).parts[0] == FEATURES]
    code = _code(lease, "evaluation", "hero_model", "adversarial")
    return Files([*code, *(release.root / name for name in names)], scratch)


def _code(lease: Leased, *packages: str) -> list[Path]:
    """These packages of ours, and the evaluator's machine code, which the child may not write: whoever can would run
    in the next child.
    """
    code = [settings.BASE_DIR / name for name in packages]
    # The first time it is compiled, for as long as a minute. Where it cannot be, the child's log says why.
    with heartbeats(lease), suppress(RuntimeError):
        code.append(object_file())
    return code
