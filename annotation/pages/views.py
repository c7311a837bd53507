"""The pages of those who collect: batches, clips. Who may open which, the site's table of access says."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Func, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST
from django.views.generic import DetailView, ListView

from annotation.console import figures
from annotation.console.forecast import forecast
from annotation.console.tally import tally
from annotation.crowd.launch import expired, units
from annotation.media.clip_files import Part, clip_url
from annotation.models import Assignment, Batch, Clip, Doubt, Hit, Question, Segment, Validation
from annotation.models.crowd import Kind
from annotation.review import evidence, ledger
from annotation.review.human_accuracy import doubted_questions, human_accuracy, looked_at, of_people
from annotation.review.verdicts import COUNTED


class BatchList(ListView):
    """Every batch, with how many answers wait for a verdict."""

    template_name = "annotation/batch_list.html"
    paginate_by = 50
    extra_context = {"counted": COUNTED}

    def get_queryset(self) -> QuerySet[Batch]:
        waiting = Assignment.objects.filter(Assignment.unreviewed(), batch=OuterRef("pk"))
        hits = Hit.objects.filter(batch=OuterRef("pk"))
        some = ArraySubquery(waiting.values("pk")[: COUNTED + 1])
        return Batch.objects.annotate(
            hit_count=_number_of(hits, "batch"),
            waiting=Func(some, function="cardinality", output_field=IntegerField()),
        ).order_by("-created_at", "-pk")


def _number_of(rows: QuerySet[Any], group: str) -> Coalesce:
    """How many rows there are for one batch: a subquery each, since two joins would multiply."""
    return Coalesce(Subquery(rows.order_by().values(group).annotate(n=Count("pk")).values("n")), 0)


class BatchDetail(DetailView):
    """A batch's progress and money; the numbers refresh by htmx while it runs."""

    model = Batch

    def get_template_names(self) -> list[str]:
        partial = bool(getattr(self.request, "htmx", False))
        return ["annotation/batch_progress.html" if partial else "annotation/batch_detail.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        batch = self.object
        counts = tally(batch)
        hits = dict(batch.hits.values_list("state").order_by("state").annotate(Count("id")))
        money = ledger.totals(batch)
        todo = units(batch).count() if batch.state == Batch.State.DRAFT else 0
        return super().get_context_data(
            hits_done=hits.get(Hit.State.DONE, 0),
            hits_total=sum(hits.values()),
            hits_waiting=hits.get(Hit.State.WAITING, 0),
            hits_expired=hits.get(Hit.State.EXPIRED, 0),
            may_ask_again=expired(batch).count() if batch.state in {Batch.State.OPEN, Batch.State.CLOSED} else 0,
            findings=batch.findings.all()[:50],
            states=[(state.label, counts.of([state])) for state in Assignment.State],
            used=counts.of(used=True),
            waiting=counts.waiting,
            money=money,
            forecast=None if batch.state == Batch.State.DRAFT else forecast(batch, money, counts),
            figures=figures.names(batch),
            units=todo,
            worst_case=ledger.worst_case(batch, todo),
            sample=batch.hits.select_related("clip__video", "segment__clip__video")[:12],
            **_answered(batch),
            running=batch.state not in {Batch.State.DRAFT, Batch.State.CLOSED},
            **kwargs,
        )


@require_POST
def set_gold(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that a moment is known to be right, so that batches may measure workers by it, or no longer."""
    segment = get_object_or_404(Segment.objects.select_related("clip"), pk=pk)
    evidence.set_gold(segment, request.POST.get("gold") == "yes")
    return redirect("clip", pk=segment.clip_id)


def _answered(batch: Batch) -> dict[str, Any]:
    """What came of a batch in which questions are answered."""
    if batch.kind != Kind.VALIDATE:
        return {}
    questions = Question.objects.filter(pk__in=batch.hits.filter(doubt=None).values("question"))
    usual = Prefetch("validations", of_people(Validation.objects.filter(assignment__hit__doubt=None)))
    doubted = doubted_questions(questions).prefetch_related("answers", usual)[:50]
    doubts = looked_at(Doubt.objects.filter(hits__batch=batch)).select_related("question__segment")[:50]
    return {
        "doubts": doubts,
        "people": human_accuracy(Validation.objects.filter(assignment__batch=batch)),
        "doubted": [_votes(question) for question in doubted],
    }


def _votes(question: Question) -> dict[str, Any]:
    """A question with how many people chose each of its answers, or found it right, too."""
    said = question.validations.all()
    chosen, also = Counter(row.choice for row in said), Counter(row.also for row in said)
    rows = [(row.text, row.correct, chosen[row.position], also[row.position]) for row in question.answers.all()]
    return {"question": question, "answers": rows, "none": chosen[-1]}


class ClipDetail(DetailView):
    """A clip with what was said and accepted about it."""

    model = Clip
    template_name = "annotation/clip_detail.html"

    def get_queryset(self) -> QuerySet[Clip]:
        return Clip.objects.select_related("video").prefetch_related("segments__queries", "segments__questions")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = (Part.POSTER, Part.STRIP, Part.WAVEFORM)
        stills = {part.value: clip_url(self.object, part) for part in shown if getattr(self.object, part)}
        return super().get_context_data(
            clip_url=clip_url(self.object), stills=stills, subtitles=self.object.subtitles(), **kwargs
        )
