"""Child processes of one machine's site, which never outlive the process that started them."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def spawn(
    command: Sequence[str], log: Path, *, stop_signal: str, user: int | None, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, both outputs at the end of `log`.

    With a `user`, an id, it runs as that one, in a folder that everybody may enter. `environment` is added to ours.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            user=user,
            group=None if user is None else pwd.getpwuid(user).pw_gid,
            extra_groups=None if user is None else [],
            cwd=None if user is None else "/",
            start_new_session=True,
            preexec_fn=die_with_parent(stop_signal),
        )


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


def without_network() -> Callable[[], bool] | None:
    """What, called between fork and exec, leaves the child a network with nothing in it; says whether the kernel did.

    Root may always; anybody else where the kernel lets users make a namespace of their own. Only Linux has it;
    elsewhere None. Call it before `die_with_parent`'s: a new user namespace unties the child.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def cut() -> bool:
        return libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0

    return cut
