"""The page on which two submissions are put side by side."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from annotation.roles import COLLECT
from benchmark_site.leaderboard.boards.views import find_track
from benchmark_site.leaderboard.models import Comparison, State, Submission, Track
from benchmark_site.leaderboard.scoring.compare import TooManyError, request_comparison
from benchmark_site.leaderboard.submissions.visibility import visible_to
from benchmark_site.releases.browse import film_of

# A list to choose from, not a search: whoever wants another follows the link on its page.
_LISTED = 200


class CompareForm(forms.Form):
    """Two different submissions of a track that one may see and that have scores and files."""

    a = forms.ModelChoiceField(Submission.objects.none(), empty_label="choose one")
    b = forms.ModelChoiceField(Submission.objects.none(), empty_label="choose another")

    def __init__(self, *args: Any, track: Track, user: AbstractBaseUser | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seen = visible_to(user).filter(track=track, evaluations__state=State.DONE, dry_run=False, file_deleted_at=None)
        self.seen = seen.distinct()
        self.listed = list(self.seen[:_LISTED])
        for field in self.fields.values():
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = self.seen
            field.choices = [("", field.empty_label), *((one.pk, str(one)) for one in self.listed)]

    def chosen(self) -> tuple[Submission, Submission] | None:
        """Both, or None where one is missing or they are the same."""
        if not self.is_valid() or self.cleaned_data["a"] == self.cleaned_data["b"]:
            return None
        return self.cleaned_data["a"], self.cleaned_data["b"]


def compare(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """Two submissions side by side; POST has a worker compare them, which costs two scorings, so one is logged in."""
    track = find_track(slug, version, task, split)
    if track.hides_truth:
        raise Http404("where the truth is hidden, only groups are shown")
    form = CompareForm(request.POST or request.GET, track=track, user=request.user)
    chosen = form.chosen()
    made = None
    if chosen:
        first, second = sorted((one.shown_evaluation for one in chosen), key=lambda one: one.pk)
        made = Comparison.objects.filter(first=first, second=second).select_related("first", "second").first()
        if request.method == "POST":
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            assert isinstance(request.user, User)
            try:
                request_comparison(first, second, request.user)
            except TooManyError as refusal:
                messages.error(request, str(refusal))
            address = reverse("board-compare", args=track.url_args)
            return redirect(f"{address}?a={chosen[0].pk}&b={chosen[1].pk}")
    sides = _sides(made, may_see=request.user.has_perm(COLLECT))
    context = {
        "track": track,
        "form": form,
        "chosen": chosen,
        "comparison": made,
        "sides": sides,
        "with_films": any("clip_url" in row for _, _, rows in sides for row in rows),
    }
    part = request.headers.get("HX-Request") == "true"
    return render(request, "leaderboard/_comparison.html" if part else "leaderboard/compare.html", context)


def _sides(made: Comparison | None, *, may_see: bool) -> list[tuple[Submission, int, list[dict[str, Any]]]]:
    """Of each of two: the submission, on how many queries it is better, and some of them with their films."""
    if made is None or made.report is None:
        return []
    won = made.report["wins"]
    return [
        (one.submission, won[side], [row | film_of(row["video"], may_see=may_see) for row in won[f"{side}_better"]])
        for one, side in ((made.first, "a"), (made.second, "b"))
    ]
