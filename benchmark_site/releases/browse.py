"""The items of a frozen release to look at: train and val, never test; each with its clip and its place in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from django.views.generic import ListView

from annotation.media.clip_files import Part, clip_url
from annotation.models import Clip
from annotation.roles import COLLECT
from benchmark_site.releases.models import Item, Release
from benchmark_site.releases.plots import LABELLED
from evaluation.exchange.rows import window_of

KINDS = {"moment": "queries", "qa": "questions"}


@dataclass(frozen=True)
class Option:
    """An answer, whether it is the right one, and the question that lent it, where one did."""

    text: str
    right: bool
    lender: Item | None


class ReleaseItems(ListView):
    """Queries and questions by split and kind, found by their words."""

    template_name = "releases/release_items.html"
    paginate_by = 50

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.release = frozen_release(kwargs["slug"], kwargs["version"])
        asked = request.GET
        self.split = asked.get("split") if asked.get("split") in LABELLED else ""
        self.kind = asked.get("kind") if asked.get("kind") in KINDS else ""
        self.words = asked.get("q", "").replace("\0", "").strip()[:200]

    def get_queryset(self) -> QuerySet[Item]:
        found = shown(self.release)
        if self.split:
            found = found.filter(split=self.split)
        if self.kind:
            found = found.filter(kind=self.kind)
        for word in self.words.split():
            found = found.filter(text__icontains=word)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        chosen = {"split": self.split, "kind": self.kind, "q": self.words}
        known = {"splits": LABELLED, "kinds": KINDS}
        return super().get_context_data(release=self.release, chosen=chosen, known=known, **kwargs)


@require_safe
def release_item(request: HttpRequest, slug: str, version: str, kind: str, public_id: int) -> HttpResponse:
    """One item, at an address that stays."""
    release = frozen_release(slug, version)
    if kind not in KINDS:
        raise Http404(f"an item is one of {', '.join(KINDS)}")
    item = get_object_or_404(shown(release).select_related("video"), kind=kind, public_id=public_id)
    neighbours = shown(release).filter(vid_name=item.vid_name).exclude(pk=item.pk)
    context = {
        "release": release,
        "item": item,
        "options": _options(item),
        "neighbours": neighbours,
        "left": 100 * item.start / item.duration,
        "width": 100 * (item.end - item.start) / item.duration,
        **film_of(item.vid_name, may_see=request.user.has_perm(COLLECT)),
    }
    return render(request, "releases/release_item.html", context)


def shown(release: Release) -> QuerySet[Item]:
    """What everybody may look at: labelled and published."""
    return release.items.filter(published=True, split__in=LABELLED)


def _options(item: Item) -> list[Option]:
    lenders = {negative.option: negative.source for negative in item.negatives.select_related("source")}
    return [Option(text, place == item.answer_index, lenders.get(place)) for place, text in enumerate(item.options)]


def film_of(vid_name: str, *, may_see: bool) -> dict[str, str]:
    """Addresses of a clip's film and poster. Films without a stated licence are shown to those who collect alone."""
    found = Clip.objects.filter(video__public_id=window_of(vid_name).video).exclude(file="").select_related("video")
    clip = next((clip for clip in found if clip.name == vid_name), None)  # a name has fewer digits than its window
    if clip is None or not (clip.video.licence or may_see):
        return {}
    film = {"clip_url": clip_url(clip)}
    return film | {"poster": clip_url(clip, Part.POSTER)} if clip.poster else film


def frozen_release(slug: str, version: str) -> Release:
    return get_object_or_404(Release, slug=slug, version=version, state=Release.State.FROZEN)
