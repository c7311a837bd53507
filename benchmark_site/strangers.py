"""Pages that everybody without an account sees alike: drawn once, kept packed, not sent again to whoever has them."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers

_PROCESS = secrets.token_hex(8)  # another one may have other templates


@dataclass(frozen=True)
class _Page:
    """A drawn page: its headers, and its body as gzip packs it."""

    headers: dict[str, str]
    packed: bytes


def alike(request: HttpRequest, facts: object, draw: Callable[[], tuple[HttpResponse, int]]) -> HttpResponse:
    """What `draw` draws, which says also for how many seconds it may be kept; 0 is not at all.

    `facts` are all that a stranger's page follows from beside its address, and their `repr` tells them apart. Whoever
    may be somebody gets a page that is drawn for them.
    """
    if not _is_stranger(request):
        return draw()[0]
    known = repr((_PROCESS, request.build_absolute_uri(), facts))
    digest = hashlib.sha256(known.encode()).hexdigest()
    tag = f'W/"{digest}"'  # packed or not, it is the same page
    response = get_conditional_response(request, tag)
    if response is None:
        page = cache.get(f"page-{digest}")
        if page is None:
            drawn, seconds = draw()
            if not seconds:
                return drawn
            page = _Page(dict(drawn.items()), gzip.compress(drawn.content, mtime=0))
            cache.set(f"page-{digest}", page, seconds)
        response = _answer(request, page)
    response["ETag"] = tag
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def _is_stranger(request: HttpRequest) -> bool:
    """Whether nothing tells who it is, and nobody is told something this once."""
    own = {settings.SESSION_COOKIE_NAME, CookieStorage.cookie_name}
    return request.method in {"GET", "HEAD"} and not own & set(request.COOKIES)


def _answer(request: HttpRequest, page: _Page) -> HttpResponse:
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return HttpResponse(gzip.decompress(page.packed), headers=page.headers)
    return HttpResponse(page.packed, headers=page.headers | {"Content-Encoding": "gzip"})
