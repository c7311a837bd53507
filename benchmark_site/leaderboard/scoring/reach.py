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


def of_evaluator(lease: Leased, track: Track, predictions: Sequence[str], scratch: Path) -> Files:
    """Itself, the release with its truth, these files of predictions."""
    return Files([*_code(lease, "evaluation"), track.release.folder, *predictions], scratch)


def of_model(lease: Leased, track: Track, scratch: Path) -> Files:
    """The code that runs it and the release; the model itself lies in the scratch folder."""
    return Files([*_code(lease, "evaluation", "hero_model", "adversarial"), track.release.folder], scratch)


def _code(lease: Leased, *packages: str) -> list[Path]:
    """These packages of ours, and the evaluator's machine code, which the child may not write: whoever can would run
    in the next child.
    """
    code = [settings.BASE_DIR / name for name in packages]
    # The first time it is compiled, for as long as a minute. Where it cannot be, the child's log says why.
    with heartbeats(lease), suppress(RuntimeError):
        code.append(object_file())
    return code
