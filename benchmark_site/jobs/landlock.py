"""Which files a process may open from now on, and that it reaches nobody: by the kernel's Landlock (Linux 5.13 on).

By its three system calls. Of the packages for them one has had no first version yet and the others bring a sandbox of
their own. Names and sizes of other files can still be seen; what they hold cannot, nor what other processes of the same
user hold in /proc. TCP is closed from Linux 6.7 on, signals to processes outside from 6.12 on.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntFlag

_LIBC = ctypes.CDLL(None, use_errno=True)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # on every kind of processor
_ASK_VERSION, _PATH_BENEATH, _PR_SET_NO_NEW_PRIVS = 1, 1, 38
_KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}  # rights of a version, by bit; later ones have 16
_OF_ONE_FILE = 0b1100_0000_0000_0111  # the others are of folders
_TCP, _TCP_FROM = 0b11, 4  # to listen and to connect
_OUTSIDE, _OUTSIDE_FROM = 0b11, 6  # sockets without a file, signals


class May(IntFlag):
    """What may be done with a file, or a folder and all that lies in it."""

    LIST = 0b1000
    READ = 0b1101  # and run
    # Everything but run, and but make what is no file or folder: who reads what is written there would follow a link,
    # and wait for ever at a pipe.
    CHANGE = 0b1110_0001_1011_1110


class _Handled(ctypes.Structure):
    """What is forbidden unless a rule allows it; an older kernel takes the fields that it does not know as zeros."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Of the kernel's Landlock; 0 where there is none, or none for us."""
    return max(0, _LIBC.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)) if sys.platform == "linux" else 0


@contextmanager
def confinement(rules: Mapping[str, May]) -> Iterator[Callable[[], None] | None]:
    """What, called between fork and exec, closes every file to the child but those under these paths, and everybody
    outside; None without a Landlock. Paths that there are not are left out. Raises OSError.
    """
    known = version()
    if not known:
        yield None
        return
    rights = (1 << _KNOWN.get(known, 16)) - 1
    handled = _Handled(rights, _TCP * (known >= _TCP_FROM), _OUTSIDE * (known >= _OUTSIDE_FROM))
    ruleset = _done(_LIBC.syscall(_CREATE_RULESET, ctypes.byref(handled), ctypes.sizeof(handled), 0))
    try:
        for path, may in rules.items():
            _add(ruleset, path, may & rights)
        yield lambda: _restrict(ruleset)
    finally:
        os.close(ruleset)


def _add(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_ONE_FILE
        rule = _Beneath(rights, place)
        _done(_LIBC.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(place)


def _restrict(ruleset: int) -> None:
    _done(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _done(_LIBC.syscall(_RESTRICT_SELF, ruleset, 0))


def _done(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
