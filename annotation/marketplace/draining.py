"""Bodies that are too large are read to their end and thrown away, so that the sender gets the answer to read.

A server that answers and closes while bytes are still coming is, for a browser or a client, a broken connection.
"""

from __future__ import annotations

from django.http import HttpRequest

MOST = 32 * 2**20  # beyond that nobody means well


def drain(request: HttpRequest) -> None:
    length = request.headers.get("Content-Length", "0")
    left = min(int(length) if length.isdigit() else 0, MOST)
    while left > 0 and (chunk := request.read(min(left, 65_536))):
        left -= len(chunk)
