"""/mturk/externalSubmit: where the form in the task's frame ends.

No cookie arrives here (the frame's page is on another site), so a submit is known by its AssignmentId, which only the
worker who holds it has seen, together with that worker's id.
"""

from __future__ import annotations

from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from annotation.marketplace import clock
from annotation.marketplace.models import Assignment
from annotation.marketplace.questions.answer_xml import RESERVED, answers_document
from annotation.marketplace.questions.question import NO_ASSIGNMENT
from annotation.marketplace.work import lifecycle, review_policies

MAX_ANSWER_BYTES = 1_048_576


@csrf_exempt
@require_POST
@xframe_options_exempt
@csp_replace({"frame-ancestors": [settings.MARKETPLACE_URL]})
def external_submit(request: HttpRequest) -> HttpResponse:
    assignment_id = request.POST.get("assignmentId", "")
    worker_id = request.POST.get("workerId", "")
    # A name sent twice counts once, with its last value, as the protocol has it.
    fields = [(name, str(value)) for name, value in request.POST.items() if name not in RESERVED]
    if assignment_id == NO_ASSIGNMENT:
        return _refuse(request, "This was a preview. Accept the HIT before you submit.", 400)
    if not assignment_id or not fields:
        return _refuse(request, "The form must send assignmentId and at least one more field.", 400)
    assignment = _find(assignment_id, worker_id)
    if assignment is None:
        return _refuse(request, "No worker holds this assignment, or it is not yours.", 403)
    if assignment.status == Assignment.Status.ACCEPTED:
        answer = answers_document(fields)
        if len(answer.encode()) > MAX_ANSWER_BYTES:
            return _refuse(request, "The answer is larger than one megabyte.", 413)
        if not lifecycle.submit(assignment, answer, clock.now(), review_policies.run):
            assignment.refresh_from_db()
    if assignment.status not in Assignment.VISIBLE:
        return _refuse(request, "The time for this assignment is over, or you have returned it.", 409)
    # A second click on submit comes here too, and finds the first one's answer in its place.
    return render(request, "marketplace/received.html", {"assignment": assignment})


def _find(assignment_id: str, worker_id: str) -> Assignment | None:
    """The newest turn under this id, if it is this worker's.

    The protocol asks for assignmentId only, so a form may leave workerId out; but where the id has been handed on
    after a return, that could be the first worker's old page, and only workerId tells.
    """
    turns = list(
        Assignment.objects.filter(public_id=assignment_id).select_related("hit__hit_type", "worker").order_by("-id")
    )
    holders = {turn.worker.public_id for turn in turns}
    if not turns or (not worker_id and len(holders) > 1):
        return None
    return turns[0] if turns[0].worker.public_id == (worker_id or turns[0].worker.public_id) else None


def _refuse(request: HttpRequest, reason: str, status: int) -> HttpResponse:
    return render(request, "marketplace/not_received.html", {"reason": reason}, status=status)
