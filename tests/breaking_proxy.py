"""A TCP proxy before a site whose connections break when a test wants it to."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class BreakingProxy:
    """It can be cut: after so many bytes upwards it takes no connection until it is mended."""

    def __init__(self, target: str) -> None:
        self._target = ("127.0.0.1", urlsplit(target).port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://localhost:{self._listener.getsockname()[1]}"
        self.sent = 0
        self.dead = threading.Event()
        self._cut_at: int | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count: int) -> None:
        self._cut_at = self.sent + count

    def mend(self) -> None:
        self._cut_at = None
        self.dead.clear()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                near, _ = self._listener.accept()
                if self.dead.is_set():
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        with suppress(OSError):
            while data := source.recv(64 * 1024):
                sink.sendall(data)
                if upwards and self._count(len(data)):
                    self.dead.set()
                    for end in (source, sink):  # reset, as by a router that forgot it
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _count(self, count: int) -> bool:
        with self._lock:
            self.sent += count
            return self._cut_at is not None and self.sent >= self._cut_at
