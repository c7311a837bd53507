"""Launching: the units of a batch become HITs of the crowd."""

from __future__ import annotations

import hashlib
from xml.etree.ElementTree import Element, SubElement, tostring

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse

from annotation.crowd.client import Crowd
from annotation.crowd.collect import collect
from annotation.crowd.enrolment import GROUP_NUMBER, group_qualification
from annotation.models import Assignment, Batch, Clip, Hit, Segment, Video
from annotation.models.crowd import Kind
from annotation.review import ledger
from annotation.review.text_rules import MIN_SEGMENT_S
from annotation.task_names import CLOSE_BATCH, LAUNCH_BATCH
from benchmark_site.jobs.enqueue import enqueue

UNIT_SALT = "annotation.unit"
EXTERNAL_QUESTION = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd"
WORDING = {
    Kind.SEGMENT: ("Mark an interesting moment of a short video", "Watch up to a minute, set start and end."),
    Kind.QUERY: ("Describe a moment of a short video", "Watch a few seconds and describe them in one sentence."),
    Kind.QA: ("Ask a question about a moment of a short video", "One question, one right and three wrong answers."),
}


class LaunchError(Exception):
    """A batch cannot be launched; the message tells the requester what to change."""


def units(batch: Batch) -> list[Clip] | list[Segment]:
    """What the batch will ask about: playable clips, or the segments accepted so far, in a fixed order.

    Not about clips that a sealed release hides: workers would be shown where its moments are.
    """
    if batch.kind == Kind.SEGMENT:
        return sorted(askable_clips(), key=lambda clip: (clip.video.public_id, clip.start))
    segments = Segment.objects.filter(clip__imported=False, clip__sealed=None).select_related("clip__video")
    return sorted(segments, key=lambda row: (row.clip.video.public_id, row.clip.start, row.start, row.end))


def askable_clips() -> QuerySet[Clip]:
    """Clips that a segment batch may ask about; in one shorter than a segment every answer would be refused."""
    ready = Clip.objects.filter(video__state=Video.State.READY, imported=False, sealed=None)
    return ready.filter(end__gte=F("start") + MIN_SEGMENT_S).select_related("video")


def request_launch(batch_id: int) -> None:
    """Check the price, create the HIT rows, hold the money and wake the launcher: one transaction.

    Raises LaunchError where there is nothing to ask or the worst case exceeds the budget.
    """
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=batch_id)
        if batch.state != Batch.State.DRAFT:
            raise LaunchError(f"“{batch}” is {batch.get_state_display()}: only a draft can be launched")
        todo = units(batch)
        if not todo:
            what = "clip of an ingested video" if batch.kind == Kind.SEGMENT else "accepted segment"
            raise LaunchError(f"there is no {what} to ask about yet")
        cost = ledger.worst_case(batch, len(todo))
        if cost > batch.budget:
            raise LaunchError(f"{len(todo)} units cost up to ${cost}, the budget is ${batch.budget}")
        for unit in todo:
            hit = Hit.objects.create(
                batch=batch,
                clip=unit if isinstance(unit, Clip) else None,
                segment=unit if isinstance(unit, Segment) else None,
                narration_hidden=_narration_hidden(batch, unit),
                request_token=hashlib.sha256(f"{batch.environment}|{batch.name}|{unit.pk}".encode()).hexdigest(),
                wanted=batch.assignments_per_hit,
            )
            ledger.hold(hit)
        batch.state = Batch.State.LAUNCHING
        batch.error = ""
        batch.save(update_fields=["state", "error"])
        enqueue(LAUNCH_BATCH, batch_id=batch_id)


def launch(batch_id: int) -> None:
    """Put every waiting HIT of the batch before the crowd. Safe to repeat after a crash at any point."""
    batch = Batch.objects.get(pk=batch_id)
    if batch.state != Batch.State.LAUNCHING:
        return
    crowd = Crowd(batch.environment)
    _check_balance(crowd, batch)
    # Tokens die after a day, so a resumed launch looks for what it did before by our own annotation.
    known = crowd.hits_by_annotation() if batch.hit_type_id else {}
    if not batch.hit_type_id:
        batch.hit_type_id = _hit_type(crowd, batch)
        batch.save(update_fields=["hit_type_id"])
    for hit in batch.hits.filter(state=Hit.State.WAITING).order_by("pk"):
        annotation = hit.request_token
        hit.hit_id = known.get(annotation) or crowd.create_hit(
            hit_type_id=batch.hit_type_id,
            question=external_question(hit),
            token=hit.request_token,
            annotation=annotation,
            assignments=batch.assignments_per_hit,
        )
        hit.state = Hit.State.OPEN
        hit.save(update_fields=["hit_id", "state"])
    Batch.objects.filter(pk=batch_id, state=Batch.State.LAUNCHING).update(state=Batch.State.OPEN, error="")


def request_close(batch_id: int) -> None:
    """Stop asking: no new work is accepted, what is submitted is still reviewed and paid. Raises LaunchError."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=batch_id)
        if batch.state != Batch.State.OPEN:
            raise LaunchError(f"“{batch}” is {batch.get_state_display()}: only an open batch can be closed")
        batch.state = Batch.State.CLOSING
        batch.save(update_fields=["state"])
        enqueue(CLOSE_BATCH, batch_id=batch_id)


def close(batch_id: int) -> bool:
    """Expire what is open and give back what it held, once nothing of the batch waits for a verdict.

    False where something still waits: the sweeper calls again. Safe to repeat.
    """
    batch = Batch.objects.get(pk=batch_id)
    if batch.state != Batch.State.CLOSING:
        return True
    crowd = Crowd(batch.environment)
    still_open = batch.hits.filter(state=Hit.State.OPEN)
    for hit in still_open:
        assert hit.hit_id is not None
        crowd.expire(hit.hit_id)
    collect(batch_id, every_hit=True)
    settled = [Assignment.State.APPROVED, Assignment.State.REJECTED]
    if Assignment.objects.filter(hit__batch=batch).exclude(state__in=settled).exists():
        return False
    with transaction.atomic():
        for hit in still_open.select_for_update():
            ledger.release_rest(hit)
        still_open.update(state=Hit.State.DONE)
        Batch.objects.filter(pk=batch_id, state=Batch.State.CLOSING).update(state=Batch.State.CLOSED)
    return True


def external_question(hit: Hit) -> str:
    """ExternalQuestion XML that leads the worker's frame to our task page."""
    unit = signing.dumps(hit.pk, salt=UNIT_SALT)
    root = Element("ExternalQuestion", xmlns=EXTERNAL_QUESTION)
    SubElement(root, "ExternalURL").text = settings.SITE_URL + reverse("task", args=[unit])
    SubElement(root, "FrameHeight").text = "0"
    return tostring(root, encoding="unicode")


def _hit_type(crowd: Crowd, batch: Batch) -> str:
    title, description = WORDING[Kind(batch.kind)]
    return crowd.hit_type(
        title=title,
        description=f"{description} ({batch.name})",
        keywords="video, annotation, english",
        reward=batch.reward,
        qualification_type_id=group_qualification(crowd, batch.environment).qualification_type_id,
        group=GROUP_NUMBER[Kind(batch.kind)],
    )


def _check_balance(crowd: Crowd, batch: Batch) -> None:
    waiting = batch.hits.filter(state=Hit.State.WAITING).count()
    need, have = ledger.worst_case(batch, waiting), crowd.balance()
    if have < need:
        raise LaunchError(f"the marketplace account holds ${have}, this batch may need ${need}: add ${need - have}")


def _narration_hidden(batch: Batch, unit: Clip | Segment) -> bool:
    """A draw that depends on seed and clip alone, so that all stages of a batch series hide the same clips."""
    clip = unit if isinstance(unit, Clip) else unit.clip
    digest = hashlib.sha256(f"{batch.seed}|{clip.name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < batch.hidden_share
