"""Other people's annotations by the page: a file is sent, a worker takes it in, its report stays."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe
from django.views.generic import CreateView, DetailView

from annotation.imports.runs import ask_for
from annotation.models import AnnotationImport
from annotation.models.imports import LONGEST_NAME
from evaluation.forms.export import rows_bytes
from evaluation.forms.table import FORMS

LATEST = 50
PROBLEMS_A_PAGE = 100


class ImportForm(forms.ModelForm):
    """What is to be known of a file before it is read."""

    form = forms.ChoiceField(choices=[("", "choose")] + [(name, form.about) for name, form in FORMS.items()])

    class Meta:
        model = AnnotationImport
        fields = ["form", "file", "source", "licence", "video_index", "segments_only"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = True


class Imports(CreateView):
    """The form, and what has been taken in."""

    model = AnnotationImport
    form_class = ImportForm
    template_name = "annotation/imports.html"

    def form_valid(self, form: forms.ModelForm) -> HttpResponse:
        run = form.save(commit=False)
        run.name = form.cleaned_data["file"].name[:LONGEST_NAME]
        run.created_by = self.request.user
        ask_for(run)
        return redirect(run)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(runs=AnnotationImport.objects.all()[:LATEST], known=FORMS, **kwargs)


class ImportDetail(DetailView):
    """What came of one file; htmx asks again until it is read."""

    model = AnnotationImport

    def get_template_names(self) -> list[str]:
        partial = bool(getattr(self.request, "htmx", False))
        return ["annotation/import_report.html" if partial else "annotation/import_detail.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        run = self.object
        page = Paginator(run.problems, PROBLEMS_A_PAGE).get_page(self.request.GET.get("page"))
        names = list(dict.fromkeys([*run.added, *run.known]))
        counts = [(name, run.added.get(name, 0), run.known.get(name, 0)) for name in names]
        pages = {"page_obj": page, "paginator": page.paginator, "is_paginated": page.has_other_pages()}
        return super().get_context_data(counts=counts, **pages, **kwargs)


@require_safe
def problems(request: HttpRequest, pk: int) -> HttpResponse:
    """Every row with a fault, as JSON Lines."""
    run = get_object_or_404(AnnotationImport, pk=pk)
    answer = HttpResponse(rows_bytes(run.problems), content_type="application/jsonl")
    answer["Content-Disposition"] = f'attachment; filename="import-{pk}.problems.jsonl"'
    return answer
