"""Workers' uploaded files and the short-lived addresses by which requesters fetch them."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from annotation.marketplace.models import Assignment, UploadedFile
from annotation.marketplace.protocol.errors import refused

VALID_S = 60
SALT = "marketplace.file"


def temporary_url(assignment: Assignment, question_id: str) -> str:
    """Raises FileDoesNotExist."""
    stored = UploadedFile.objects.filter(assignment=assignment, question_id=question_id).only("pk").first()
    if stored is None:
        raise refused("FileDoesNotExist", f"Assignment {assignment.public_id} has no file for question {question_id}")
    path = reverse("uploaded-file", args=[signing.dumps(stored.pk, salt=SALT)])
    return f"{settings.MARKETPLACE_URL}{path}"


@require_GET
def uploaded_file(request: HttpRequest, token: str) -> HttpResponse:
    """The file as a download; whoever holds the address may fetch it for 60 seconds."""
    try:
        key = signing.loads(token, salt=SALT, max_age=VALID_S)
    except signing.BadSignature:
        raise Http404("This address has expired") from None
    stored = UploadedFile.objects.filter(pk=key).first()
    if stored is None:
        raise Http404("This file is gone")
    response = HttpResponse(bytes(stored.content), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = "attachment"
    return response
