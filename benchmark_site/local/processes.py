"""Child processes that never outlive the process that started them."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(signal_name: str = "SIGTERM") -> Callable[[], None] | None:
    """A `preexec_fn` by which the kernel sends the child this signal when its parent dies, kill -9 included.

    Only Linux has it; elsewhere None, and a killed supervisor leaves its children to the next start. The child is
    tied to the *thread* that forked it, so start children from the main thread.
    """
    if not sys.platform.startswith("linux"):
        return None
    number = int(signal.Signals[signal_name])
    libc = ctypes.CDLL(None, use_errno=True)

    def tie() -> None:
        if libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")

    return tie
