"""A terminal that never decides how a run ends: what cannot be printed is left out, and the work goes on."""

import io
import os
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console


class Terminal(Console):
    """Standard output, or with `stderr` the other one.

    Characters that its encoding lacks become "?"; once nobody reads it any more, or it cannot take more, it is silent.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        super().__init__(stderr=stderr)

    def print(self, *objects: Any, **style: Any) -> None:
        """As Console prints; raises nothing where the output is closed."""
        try:
            super().print(*objects, **style)
            self.file.flush()
        except (OSError, ValueError) as error:
            if isinstance(error, ValueError) and not self.file.closed:
                raise
            self._fall_silent()

    def on_broken_pipe(self) -> None:
        """Without the exit status 1 that Console ends with."""
        self._fall_silent()

    def _fall_silent(self) -> None:
        """Print nowhere: what is still buffered would fail again at the interpreter's end, with a status of its own."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with suppress(OSError, ValueError):  # a stream without a descriptor, or a closed one, is flushed by nobody
            os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)
