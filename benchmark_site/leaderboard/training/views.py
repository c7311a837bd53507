"""The page of a training run, and that on which its model is asked."""

from __future__ import annotations

from typing import Any

import redis
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from annotation.roles import COLLECT
from benchmark_site.leaderboard.models import TrainingRun
from benchmark_site.leaderboard.training import search
from benchmark_site.releases.browse import film_of, frozen_release

LONGEST = 200  # letters of a sentence


def training_run(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the training is; the page asks again while it runs."""
    run = get_object_or_404(TrainingRun.objects.select_related("release"), pk=pk)
    part = request.headers.get("HX-Request") == "true"
    return render(
        request, "leaderboard/_training_state.html" if part else "leaderboard/training_run.html", {"run": run}
    )


class SearchForm(forms.Form):
    """A sentence that describes a moment, or a question with its options."""

    q = forms.CharField(
        label="A moment in words, or a question",
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "somebody cuts an onion"}),
    )
    options = forms.CharField(
        label="Two to six answers, one a line",
        max_length=LONGEST * search.OPTIONS.stop,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def clean_options(self) -> list[str]:
        lines = [" ".join(line.split()) for line in self.cleaned_data["options"].splitlines() if line.strip()]
        if lines and len(lines) not in search.OPTIONS:
            raise ValidationError(f"Two to {search.OPTIONS.stop - 1} answers are expected, {len(lines)} are given.")
        if len(set(lines)) < len(lines):
            raise ValidationError("An answer stands there twice.")
        return lines


@require_safe
def release_search(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Ask the model that was trained on a release; the page asks again while a worker is at it."""
    release = frozen_release(slug, version)
    run = search.trained(release)
    form = SearchForm(request.GET if "q" in request.GET else None)
    context: dict[str, Any] = {"release": release, "run": run, "form": form, "address": request.get_full_path()}
    if run is not None and form.is_valid():
        try:
            found = search.look(run, form.cleaned_data["q"], form.cleaned_data["options"])
        except (redis.RedisError, OperationalError):
            found = {"error": "The queue cannot be reached just now."}
        context |= _shown(found, may_see=request.user.has_perm(COLLECT))
    part = request.headers.get("HX-Request") == "true"
    return render(request, "leaderboard/_search_results.html" if part else "leaderboard/release_search.html", context)


def _shown(found: dict[str, Any] | None, *, may_see: bool) -> dict[str, Any]:
    """Of an answer, what the page shows."""
    if found is None:
        return {"waiting": True}
    chances = sorted(found.get("chances", {}).items(), key=lambda pair: -pair[1])
    moments = [moment | film_of(moment["clip"], may_see=may_see) for moment in found.get("moments", [])]
    return {"answered": True, "error": found.get("error", ""), "moments": moments, "chances": chances}
