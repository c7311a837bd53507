"""The pages of those who collect: batches, clips. Who may open which, the site's table of access says."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.views.generic import DetailView, ListView

from annotation.crowd.launch import expired, units
from annotation.media.clip_files import Part, clip_url
from annotation.models import Assignment, Batch, Clip, Hit
from annotation.review import ledger


class BatchList(ListView):
    """Every batch, with how many answers wait for a verdict."""

    template_name = "annotation/batch_list.html"
    paginate_by = 50

    def get_queryset(self) -> QuerySet[Batch]:
        waiting = Assignment.objects.filter(Assignment.unreviewed(), hit__batch=OuterRef("pk"))
        hits = Hit.objects.filter(batch=OuterRef("pk"))
        return Batch.objects.annotate(
            hit_count=_number_of(hits, "batch"), waiting=_number_of(waiting, "hit__batch")
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
        assignments = Assignment.objects.filter(hit__batch=batch)
        # One look at all of them: there may be a hundred thousand.
        by_state = (
            assignments.order_by("state")
            .values("state")
            .annotate(
                n=Count("pk"),
                used=Count("pk", filter=Q(used=True)),
                waiting=Count("pk", filter=Assignment.unreviewed()),
            )
        )
        counts: dict[str, Any] = {row["state"]: row for row in by_state}
        hits = dict(batch.hits.values_list("state").order_by("state").annotate(Count("id")))
        todo = units(batch).count() if batch.state == Batch.State.DRAFT else 0
        return super().get_context_data(
            hits_done=hits.get(Hit.State.DONE, 0),
            hits_total=sum(hits.values()),
            hits_waiting=hits.get(Hit.State.WAITING, 0),
            hits_expired=hits.get(Hit.State.EXPIRED, 0),
            may_ask_again=expired(batch).count() if batch.state in {Batch.State.OPEN, Batch.State.CLOSED} else 0,
            findings=batch.findings.all()[:50],
            states=[(state.label, counts.get(state.value, {}).get("n", 0)) for state in Assignment.State],
            used=sum(row["used"] for row in counts.values()),
            waiting=sum(row["waiting"] for row in counts.values()),
            money=ledger.totals(batch),
            units=todo,
            worst_case=ledger.worst_case(batch, todo),
            sample=batch.hits.select_related("clip__video", "segment__clip__video")[:12],
            running=batch.state not in {Batch.State.DRAFT, Batch.State.CLOSED},
            **kwargs,
        )


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
