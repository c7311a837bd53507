"""The page of feature sets: which there are, how far each is, what it could not describe; and the door for new ones."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST
from django.views.generic import CreateView

from annotation.media import feature_sets
from annotation.models import FeatureSet

LISTED = 20  # failures of a set that are shown


class FeatureSets(CreateView):
    """Every set with its progress, refreshed by htmx; a new one is opened by POST."""

    model = FeatureSet
    fields = ["name", "encoder", "interval_s"]
    success_url = reverse_lazy("features")

    def get_template_names(self) -> list[str]:
        partial = bool(getattr(self.request, "htmx", False))
        return ["annotation/feature_set_table.html" if partial else "annotation/feature_sets.html"]

    def form_valid(self, form: ModelForm) -> HttpResponse:
        form.instance.created_by = self.request.user
        feature_sets.open_set(form.instance)
        messages.success(self.request, f"{form.instance}: workers describe the clips now.")
        return redirect("features")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = [{"set": row, "failures": feature_sets.failures(row)[:LISTED]} for row in feature_sets.with_counts()]
        return super().get_context_data(rows=rows, **kwargs)


@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Describe again what could not be described."""
    feature_sets.try_again(pk)
    messages.success(request, "What could not be described is tried again.")
    return redirect("features")
