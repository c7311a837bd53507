"""The pages of those who collect: batches, clips. Who may open which, the site's table of access says."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST
from django.views.generic import CreateView, DetailView, ListView

from annotation.crowd.launch import LaunchError, request_close, request_launch, units
from annotation.media.clip_files import Part, clip_url
from annotation.models import Assignment, Batch, Clip, Hit
from annotation.pages.forms import BatchForm
from annotation.review import ledger


class BatchList(ListView):
    """Every batch, with how many answers wait for a verdict."""

    template_name = "annotation/batch_list.html"
    paginate_by = 50

    def get_queryset(self) -> QuerySet[Batch]:
        waiting = Q(hits__assignments__state=Assignment.State.SUBMITTED)
        return Batch.objects.annotate(
            hit_count=Count("hits", distinct=True),
            waiting=Count("hits__assignments", filter=waiting, distinct=True),
        ).order_by("-created_at", "-pk")


class BatchCreate(CreateView):
    model = Batch
    form_class = BatchForm
    template_name = "annotation/batch_form.html"

    def form_valid(self, form: ModelForm) -> HttpResponse:
        form.instance.created_by = self.request.user
        return super().form_valid(form)


class BatchDetail(DetailView):
    """A batch's progress and money; the numbers refresh by htmx while it runs."""

    model = Batch

    def get_template_names(self) -> list[str]:
        partial = bool(getattr(self.request, "htmx", False))
        return ["annotation/batch_progress.html" if partial else "annotation/batch_detail.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        batch = self.object
        assignments = Assignment.objects.filter(hit__batch=batch)
        counts = dict(assignments.values_list("state").order_by("state").annotate(Count("id")))
        done = batch.hits.filter(state=Hit.State.DONE).count()
        total = batch.hits.count()
        todo = units(batch) if batch.state == Batch.State.DRAFT else []
        return super().get_context_data(
            hits_done=done,
            hits_total=total,
            states=[(state.label, counts.get(state.value, 0)) for state in Assignment.State],
            used=assignments.filter(used=True).count(),
            waiting=counts.get(Assignment.State.SUBMITTED, 0),
            money=ledger.totals(batch),
            units=len(todo),
            worst_case=ledger.worst_case(batch, len(todo)),
            sample=batch.hits.select_related("clip__video", "segment__clip__video")[:12],
            running=batch.state in {Batch.State.LAUNCHING, Batch.State.OPEN, Batch.State.CLOSING},
            **kwargs,
        )


@require_POST
def launch(request: HttpRequest, pk: int) -> HttpResponse:
    """Launch a draft; what forbids it is shown on its page."""
    try:
        request_launch(pk)
        messages.success(request, "Launching. The crowd sees the first tasks in a moment.")
    except LaunchError as error:
        messages.error(request, f"Not launched: {error}.")
    return redirect("batch", pk=pk)


@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """End an open batch early."""
    try:
        request_close(pk)
        messages.success(request, "Closing: nobody can start on it any more; what is submitted is still paid.")
    except LaunchError as error:
        messages.error(request, f"Not closed: {error}.")
    return redirect("batch", pk=pk)


class ClipDetail(DetailView):
    """A clip with what was said and accepted about it."""

    model = Clip
    template_name = "annotation/clip_detail.html"

    def get_queryset(self) -> QuerySet[Clip]:
        return Clip.objects.select_related("video").prefetch_related("segments__queries", "segments__questions")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        stills = {part.value: clip_url(self.object, part) for part in (Part.POSTER, Part.STRIP) if self.object.poster}
        return super().get_context_data(
            clip_url=clip_url(self.object), stills=stills, subtitles=self.object.subtitles(), **kwargs
        )
