"""Orders to the crowd: drafts, and a batch under way. Nothing here calls a marketplace: workers do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST
from django.views.generic import CreateView, DeleteView, UpdateView
from django.views.generic.detail import SingleObjectTemplateResponseMixin
from django.views.generic.edit import ModelFormMixin

from annotation.console.forecast import usual_seconds
from annotation.crowd import launch, steering
from annotation.crowd.launch import LaunchError
from annotation.crowd.workers.entry_tests import parse
from annotation.models import Batch, EntryTest
from annotation.models.crowd import Kind
from annotation.pages.forms import BatchForm, EntryTestForm, whole


class Ordering(SingleObjectTemplateResponseMixin, ModelFormMixin):
    """The form of a batch, which tells what the reward is an hour."""

    model = Batch
    form_class = BatchForm
    template_name = "annotation/batch_form.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = usual_seconds()
        usual = [(Kind(kind).label, seconds) for kind, seconds in found.items()]
        return super().get_context_data(usual=usual, usual_seconds=found, **kwargs)


class BatchCreate(Ordering, CreateView):
    """A new draft, or with `?like=` one with the values of another batch."""

    def get_initial(self) -> dict[str, Any]:
        batch = Batch.objects.filter(pk=whole(self.request.GET.get("like", ""))).first()
        if batch is None:
            return {}
        return {name: getattr(batch, name) for name in BatchForm.Meta.fields} | {"name": _free_name(batch.name)}

    def form_valid(self, form: ModelForm) -> HttpResponse:
        form.instance.created_by = self.request.user
        return super().form_valid(form)


class Drafts:
    """Of batches that have not been launched alone."""

    def get_queryset(self) -> QuerySet[Batch]:
        return Batch.objects.filter(state=Batch.State.DRAFT)


class BatchEdit(Drafts, Ordering, UpdateView):
    """A draft again."""


class BatchDelete(Drafts, DeleteView):
    template_name = "annotation/batch_delete.html"
    success_url = reverse_lazy("batches")


@require_POST
def launch_batch(request: HttpRequest, pk: int) -> HttpResponse:
    """Launch a draft; what forbids it is shown on its page."""
    typed = request.POST.get("amount", "")
    return _order(request, pk, lambda: launch.request_launch(pk, typed), "Launching. The first tasks are seen soon.")


@require_POST
def ask_again(request: HttpRequest, pk: int) -> HttpResponse:
    """New HITs for units that are over with answers missing."""
    return _order(request, pk, lambda: launch.request_relaunch(pk), "Asking again, in new HITs.")


@require_POST
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    return _order(request, pk, lambda: steering.request_pause(pk), "Paused: nobody can start on it for now.")


@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    return _order(request, pk, lambda: steering.request_resume(pk), "Going on.")


@require_POST
def extend(request: HttpRequest, pk: int) -> HttpResponse:
    """More time to accept."""
    if not (days := whole(request.POST.get("days", ""))):
        messages.error(request, "Give the number of days, 1 to 90.")
        return redirect("batch", pk=pk)
    return _order(request, pk, lambda: steering.request_extension(pk, days), f"Open for {days} days more.")


@require_POST
def rest(request: HttpRequest, pk: int) -> HttpResponse:
    """The units behind the canaries."""
    return _order(request, pk, lambda: launch.request_rest(pk), "Launching the rest.")


class EntryTests(CreateView):
    """The tests there are, and a new one."""

    model = EntryTest
    form_class = EntryTestForm
    template_name = "annotation/entry_tests.html"
    success_url = reverse_lazy("entry-tests")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tests = [(test, len(parse(test.questions))) for test in EntryTest.objects.all()]
        return super().get_context_data(tests=tests, **kwargs)


@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """End a batch early."""
    done = "Closing: nobody can start on it any more; what is submitted is still paid."
    return _order(request, pk, lambda: steering.request_close(pk), done)


def _order(request: HttpRequest, pk: int, order: Callable[[], object], done: str) -> HttpResponse:
    get_object_or_404(Batch, pk=pk)
    try:
        order()
        messages.success(request, done)
    except LaunchError as error:
        messages.error(request, f"Not done: {error}.")
    return redirect("batch", pk=pk)


def _free_name(name: str) -> str:
    number = 2
    while Batch.objects.filter(name=f"{name[:90]} ({number})").exists():
        number += 1
    return f"{name[:90]} ({number})"
