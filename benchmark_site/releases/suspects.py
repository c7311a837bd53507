"""What a build doubts, for a person to decide: wrong answers that may be right, and questions easy without the film."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.generic import ListView

from annotation.models import Doubt
from annotation.review.human_accuracy import looked_at
from benchmark_site.releases.browse import film_of
from benchmark_site.releases.models import Item, Release, Ruling, Suspect
from benchmark_site.releases.quality.rulings import ask, rule, stays

LISTS = {"doubtful": "may be right", "easy": "easy without the film"}
ASK = "ask"  # the crowd, instead of a verdict
SURE = 0.5  # chance of the right answer from which on a question is called easy


@dataclass(frozen=True)
class Decision:
    """A question with the option that is doubted, or None; what people see in it, what was decided of it, by whom."""

    item: Item
    option: int | None
    why: str
    crowd: str
    ruling: Ruling | None
    stays: bool
    film: dict[str, str]

    @property
    def text(self) -> str:
        return "" if self.option is None else self.item.options[self.option]

    @property
    def right(self) -> str:
        return self.item.options[self.item.answer_index or 0]

    @property
    def others(self) -> list[str]:
        """The wrong options that are not doubted."""
        shown = {self.option, self.item.answer_index}
        return [option for place, option in enumerate(self.item.options) if place not in shown]


class ReleaseSuspects(ListView):
    """One list at a time, the worst first; a POST decides of one line."""

    template_name = "releases/release_suspects.html"
    paginate_by = 25

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.release = get_object_or_404(Release, slug=self.kwargs["slug"], version=self.kwargs["version"])
        chosen = request.GET.get("list", "")
        self.chosen = chosen if chosen in LISTS else "doubtful"

    def get_queryset(self) -> QuerySet[Any]:
        return _doubtful(self.release) if self.chosen == "doubtful" else _easy(self.release)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        counts = {"doubtful": _doubtful(self.release).count(), "easy": _easy(self.release).count()}
        lists = [(name, title, counts[name]) for name, title in LISTS.items()]
        context = super().get_context_data(release=self.release, lists=lists, chosen=self.chosen, **kwargs)
        return context | {"decisions": list(_decisions(context["object_list"])), "sure": round(100 * SURE)}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Raises Http404 for what is no question of this release."""
        assert request.user.is_authenticated  # by the table of access
        asked = request.POST
        numbers = {name: asked.get(name, "") for name in ("item", "option")}
        wanted = int(numbers["item"]) if numbers["item"].isdecimal() and len(numbers["item"]) < 18 else 0
        item = get_object_or_404(self.release.items.select_related("release"), pk=wanted)
        option = int(numbers["option"]) if numbers["option"].isdecimal() else None
        try:
            if asked.get("verdict") == ASK:
                told = f"“{ask(item, option)}” is asked about in the next batch about answers that a release doubts."
            else:
                ruling = rule(item, option, asked.get("verdict", ""), request.user)
                told = f"“{ruling.option or item.text}” {ruling.get_verdict_display()} from now on."
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, told)
        return redirect(request.get_full_path())


def _doubtful(release: Release) -> QuerySet[Suspect]:
    return Suspect.objects.filter(item__release=release).select_related("item__release")


def _easy(release: Release) -> QuerySet[Item]:
    found = release.items.filter(published=True, blind_chance__gte=SURE).select_related("release")
    return found.order_by("-blind_chance", "public_id")


def _decisions(rows: QuerySet[Any]) -> Iterator[Decision]:
    """The lines of a page, with one look at what was decided of their questions, and what the crowd says."""
    items = [row.item if isinstance(row, Suspect) else row for row in rows]
    found = Ruling.objects.filter(public_id__in={item.public_id for item in items}).select_related("user")
    rulings = {(ruling.public_id, ruling.option): ruling for ruling in found}
    crowd = _crowd({item.public_id for item in items})
    for row, item in zip(rows, items, strict=True):
        option = row.option if isinstance(row, Suspect) else None
        text = "" if option is None else item.options[option]
        why = row.reason if isinstance(row, Suspect) else f"guessed with a chance of {item.blind_chance:.2f}"
        film = film_of(item.vid_name, may_see=True)
        key = (item.public_id, text)
        yield Decision(item, option, why, crowd.get(key, ""), rulings.get(key), stays(item), film)


def _crowd(public_ids: set[int]) -> dict[tuple[int, str], str]:
    """What people say of the doubted answers of these questions."""
    doubts = Doubt.objects.filter(question__public_id__in=public_ids)
    found = {(row.question.public_id, row.text): "people are to be asked" for row in doubts.select_related("question")}
    for row in looked_at(doubts).select_related("question"):
        found[row.question.public_id, row.text] = f"{row.right} of {row.asked} people find it right"
    return found
