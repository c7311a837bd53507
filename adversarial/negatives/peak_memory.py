"""The peak of this process's memory over a stretch of work."""

import resource
import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """``with PeakMemory() as peak: ...`` then ``peak.bytes``: the most that was added to what stood at the start.

    Linux lets a process reset its own high-water mark; elsewhere the mark of the whole life of the process serves.
    """

    bytes = 0

    def __enter__(self) -> "PeakMemory":
        try:
            _CLEAR.write_text("5")
        except OSError:
            self._start = _lifetime_peak()
        else:
            self._start = _field("VmRSS")
        return self

    def __exit__(self, *error: object) -> None:
        peak = _field("VmHWM") if _STATUS.exists() else _lifetime_peak()
        self.bytes = max(0, peak - self._start)


def _field(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def _lifetime_peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
