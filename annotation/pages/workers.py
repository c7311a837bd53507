"""A worker's page: what he has done and got, bonuses, messages, and the door by which he is kept out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST
from django.views.generic import DetailView

from annotation.crowd.workers import blocks, bonuses
from annotation.crowd.workers import messages as notes
from annotation.models import Assignment, Bonus, Receipt, Worker
from annotation.pages.forms import AmountForm, BonusForm, MessageForm, WorkerBonusForm
from annotation.review import ledger


class WorkerDetail(DetailView):
    model = Worker
    template_name = "annotation/worker_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        worker = self.object
        done = Assignment.objects.filter(worker=worker)
        counts = dict(done.values_list("state").order_by("state").annotate(Count("id")))
        return super().get_context_data(
            states=[(state.label, counts.get(state.value, 0)) for state in Assignment.State],
            used=done.filter(used=True).count(),
            last=done.select_related("hit__batch").order_by("-submitted_at")[:50],
            bonuses=Bonus.objects.filter(assignment__worker=worker).select_related("assignment__hit__batch")[:50],
            lost=[(receipt, receipt.hit.batch.reward) for receipt in bonuses.lost_work(worker)],
            messages_sent=worker.messages.all()[:20],
            money=ledger.of_worker(worker),
            bonus_form=WorkerBonusForm(initial={"assignment": self.request.GET.get("assignment", "")}),
            message_form=MessageForm(),
            **kwargs,
        )


@require_POST
def block(request: HttpRequest, pk: int) -> HttpResponse:
    """Block a worker, or let him in again."""
    worker = get_object_or_404(Worker, pk=pk)
    blocked = request.POST.get("blocked") == "yes"
    blocks.set_blocked(pk, blocked=blocked, reason=request.POST.get("reason", "")[:1024])
    messages.success(request, f"{worker} is blocked." if blocked else f"{worker} may work again.")
    return redirect("worker", pk=pk)


@require_POST
def bonus(request: HttpRequest, pk: int) -> HttpResponse:
    """Promise a bonus for one of the worker's answers."""
    worker, form = get_object_or_404(Worker, pk=pk), WorkerBonusForm(request.POST)
    if not form.is_valid():
        _tell_errors(request, form)
        return redirect("worker", pk=pk)
    data = form.cleaned_data
    answer = Assignment.objects.filter(worker=worker, assignment_id=data["assignment"]).first()
    if answer is None:
        messages.error(request, f"Not done: {worker} has sent no assignment {data['assignment']}.")
        return redirect("worker", pk=pk)
    _promise(request, lambda: bonuses.promise(answer.pk, data["amount"], data["reason"], _user(request)))
    return redirect("worker", pk=pk)


@require_POST
def bonus_under_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Promise a bonus for an answer that is under review, and show it again."""
    answer, form = get_object_or_404(Assignment.objects.select_related("hit"), pk=pk), BonusForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        _promise(request, lambda: bonuses.promise(pk, data["amount"], data["reason"], _user(request)))
    else:
        _tell_errors(request, form)
    return redirect(f"{reverse('batch-review', args=[answer.hit.batch_id])}?after={pk - 1}")


@require_POST
def compensate(request: HttpRequest, pk: int, receipt: int) -> HttpResponse:
    """Pay for work that we have and the marketplace has not."""
    worker, form = get_object_or_404(Worker, pk=pk), AmountForm(request.POST)
    lost = get_object_or_404(
        Receipt, pk=receipt, worker_id=worker.worker_id, hit__batch__environment=worker.environment
    )
    if form.is_valid():
        _promise(request, lambda: bonuses.compensate(lost, form.cleaned_data["amount"], _user(request)))
    else:
        _tell_errors(request, form)
    return redirect("worker", pk=pk)


@require_POST
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """Write to a worker."""
    worker, form = get_object_or_404(Worker, pk=pk), MessageForm(request.POST)
    if form.is_valid():
        notes.write(worker, form.cleaned_data["subject"], form.cleaned_data["text"], _user(request))
        messages.success(request, "The message is on its way.")
    else:
        _tell_errors(request, form)
    return redirect("worker", pk=pk)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the table of access lets nobody else come here
    return request.user


def _promise(request: HttpRequest, order: Callable[[], tuple[Bonus, bool]]) -> None:
    try:
        made, new = order()
        messages.success(
            request, f"${made.amount} on its way." if new else f"This bonus of ${made.amount} was ordered before."
        )
    except bonuses.BonusError as error:
        messages.error(request, f"Not done: {error}.")


def _tell_errors(request: HttpRequest, form: Form) -> None:
    for name, errors in form.errors.items():
        messages.error(request, f"Not done: {name}: {' '.join(map(str, errors))}")
