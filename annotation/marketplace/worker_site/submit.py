"""/mturk/externalSubmit: where the form in the task's frame ends.

Forms send their fields in the body, by address (GET), or some of each: jsPsych's has the id in the address and the data
in the body. Whatever is refused is refused in words that the frame may show, and leaves the assignment as it was.

No cookie arrives here (the frame's page is on another site), so a submit is known by its AssignmentId, which only the
worker who holds it has seen, together with that worker's id.
"""

from __future__ import annotations

from csp.decorators import csp_replace
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt

from annotation.marketplace import clock
from annotation.marketplace.draining import drain
from annotation.marketplace.models import Assignment
from annotation.marketplace.questions.answer_xml import RESERVED, answers_document
from annotation.marketplace.questions.question import NO_ASSIGNMENT
from annotation.marketplace.work import lifecycle, review_policies

MAX_ANSWER_BYTES = 2 * 2**20
TOO_LARGE = f"The answer is larger than {MAX_ANSWER_BYTES // 2**20} megabytes."
JOINED_BY = "|"  # ticked boxes that share a name, as Amazon's own forms join them


@csrf_exempt
@xframe_options_exempt
@csp_replace({"frame-ancestors": [settings.MARKETPLACE_URL]})
def external_submit(request: HttpRequest) -> HttpResponse:
    if request.method not in {"GET", "POST"}:
        return _refuse(request, "Answers come by GET or POST.", 405)
    try:
        values = _sent(request)
    except TooManyFieldsSent:
        return _refuse(request, f"A form may send {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} fields.", 413)
    except (RequestDataTooBig, TooManyFilesSent):
        drain(request)
        return _refuse(request, TOO_LARGE, 413)
    except (BadRequest, MultiPartParserError):
        return _refuse(request, "The form could not be read.", 400)
    assignment_id, worker_id = (values.get(name, [""])[-1] for name in ("assignmentId", "workerId"))
    fields = [(name, JOINED_BY.join(given)) for name, given in values.items() if name not in RESERVED]
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
            return _refuse(request, TOO_LARGE, 413)
        if not lifecycle.submit(assignment, answer, clock.now(), review_policies.run):
            assignment.refresh_from_db()
    if assignment.status not in Assignment.VISIBLE:
        return _refuse(request, "The time for this assignment is over, or you have returned it.", 409)
    # A second click on submit comes here too, and finds the first one's answer in its place.
    return render(request, "marketplace/received.html", {"assignment": assignment})


def _sent(request: HttpRequest) -> dict[str, list[str]]:
    """Fields and their values in the order of the form; those of the body stand for equal names of the address.

    Raises what Django raises for bodies that it does not read.
    """
    values = {name: request.GET.getlist(name) for name in request.GET}
    body = {name: request.POST.getlist(name) for name in request.POST}
    return values | body


def _find(assignment_id: str, worker_id: str) -> Assignment | None:
    """The newest turn under this id, if it is this worker's.

    The protocol asks for assignmentId only, so a form may leave workerId out; but where the id has been handed on
    after a return, that could be the first worker's old page, and only workerId tells.
    """
    turns = list(Assignment.objects.filter(public_id=assignment_id).select_related("worker").order_by("-id"))
    holders = {turn.worker.public_id for turn in turns}
    if not turns or (not worker_id and len(holders) > 1):
        return None
    return turns[0] if turns[0].worker.public_id == (worker_id or turns[0].worker.public_id) else None


def _refuse(request: HttpRequest, reason: str, status: int) -> HttpResponse:
    return render(request, "marketplace/not_received.html", {"reason": reason}, status=status)
