"""The HTTP API: the same for everybody, the platform's own baselines included.

Every error has one shape: {"errors": [{"field", "code", "message", …}]}.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI, Router, Schema, Status
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from benchmark_site.leaderboard import orders_api
from benchmark_site.leaderboard.api_answers import SubmissionOut, TrackOut, submissions_out, track_out
from benchmark_site.leaderboard.api_auth import TokenAuth
from benchmark_site.leaderboard.api_errors import ApiError, answers
from benchmark_site.leaderboard.models import ApiToken, Submission, Track
from benchmark_site.leaderboard.submissions import uploads
from benchmark_site.leaderboard.submissions.deletion import delete_file
from benchmark_site.leaderboard.submissions.finals import set_final
from benchmark_site.leaderboard.submissions.forms import SubmissionForm
from benchmark_site.leaderboard.submissions.quota import quotas
from benchmark_site.leaderboard.submissions.submit import cancel, check_may_submit, check_sha256, create_submission
from benchmark_site.leaderboard.submissions.tus_schema import paths as tus_paths
from benchmark_site.leaderboard.submissions.visibility import set_public

PAGE = 100


class Wishes(Schema):
    """What is left out stays as it is."""

    public: bool | None = None
    final: bool | None = None


class Api(NinjaAPI):
    """Describes the uploads in pieces, too, which views of their own serve."""

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**where)
        schema["paths"] |= tus_paths()
        return schema


api = Api(
    title="HERO Bench",
    version="1",
    description="Submit predictions, read scores; for those who collect, run campaigns.",
    auth=TokenAuth(),
    urls_namespace="api",
    docs_url=None,  # it would load scripts from elsewhere; openapi.json is there
)
router = Router()


@router.get("/tracks", response=answers(403, _200=list[TrackOut]))
def list_tracks(request: HttpRequest) -> list[TrackOut]:
    """Every track, with what your team may still submit to it: as much as the member with the least left."""
    tracks = list(Track.objects.select_related("release"))
    left = quotas(_token(request).membership.team, tracks, timezone.now())
    return [track_out(request, track, one) for track, one in zip(tracks, left, strict=True)]


@router.post(
    "/tracks/{slug}/{version}/{task}/{split}/submissions",
    response=answers(400, 403, 404, 408, 409, 411, 413, 422, 429, _201=SubmissionOut),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["method", "file"],
                        "properties": {
                            "method": {"type": "string", "maxLength": 80},
                            "kind": {"type": "string", "enum": ["predictions", "model"], "default": "predictions"},
                            "description": {"type": "string", "maxLength": 2000},
                            "paper_url": {"type": "string", "format": "uri"},
                            "code_url": {"type": "string", "format": "uri"},
                            "parameters": {"type": "integer", "minimum": 0},
                            "training_data": {"type": "string", "maxLength": 200},
                            "external_data": {"type": "boolean", "default": False},
                            "hardware": {"type": "string", "maxLength": 120},
                            "run_time_s": {"type": "number", "minimum": 0},
                            "public": {"type": "boolean", "default": False},
                            "dry_run": {
                                "type": "boolean",
                                "default": False,
                                "description": "only check the file: no score, and no try is used",
                            },
                            "file": {"type": "string", "format": "binary"},
                        },
                    }
                }
            },
        },
        "parameters": [
            {
                "in": "header",
                "name": "X-Content-SHA256",
                "schema": {"type": "string"},
                "description": "sha256 of the file: a damaged upload is then refused",
            }
        ],
    },
)
def post_submission(request: HttpRequest, slug: str, version: str, task: str, split: str) -> Status[SubmissionOut]:
    """Send a file of predictions. Dates, attempts and what is under way are checked before the file, tries after it.

    429 with `under_way`: five submissions of a member of the team wait or are being scored; with `models`: two models.
    """
    token = _token(request)
    track = _track(slug, version, task, split)
    team = token.membership.team
    began = uploads.began(request)
    check_may_submit(team, track, began, dry_run=True)  # which a dry run is the form says
    fields, file = uploads.receive(request)
    with file:
        check_sha256(request.headers.get("X-Content-SHA256", ""), file)
        submission = create_submission(team, track, token.membership.user, SubmissionForm(fields), file, began)
    return Status(201, submissions_out(request, [submission])[0])


@router.get("/submissions", response=answers(403, 404, _200=list[SubmissionOut]))
def list_submissions(request: HttpRequest, response: HttpResponse, before: str | None = None) -> list[SubmissionOut]:
    """The newest 100 of your team, or those older than submission `before`.

    Where there are more, the header `Link` has the address of the next page, with rel="next".
    """
    found = _own(request).select_related("team", "track__release").order_by("-created_at", "-pk")
    if before is not None:
        newer = _find(request, before)
        found = found.filter(Q(created_at__lt=newer.created_at) | Q(created_at=newer.created_at, pk__lt=newer.pk))
    page = list(found[: PAGE + 1])
    if len(page) > PAGE:
        address = request.build_absolute_uri(f"{request.path}?before={page[PAGE - 1].pk}")
        response["Link"] = f'<{address}>; rel="next"'
    return submissions_out(request, page[:PAGE])


@router.get("/submissions/{submission_id}", response=answers(403, 404, _200=SubmissionOut))
def get_submission(request: HttpRequest, submission_id: str) -> SubmissionOut:
    """State, scores, problems."""
    return submissions_out(request, [_find(request, submission_id)])[0]


@router.patch("/submissions/{submission_id}", response=answers(400, 403, 404, 409, 422, _200=SubmissionOut))
def patch_submission(request: HttpRequest, submission_id: str, body: Wishes) -> SubmissionOut:
    """Show it on the board, or take it back; choose it for the private part, or take the choice back."""
    found = _find(request, submission_id)
    if body.public is None and body.final is None:
        raise ApiError("public", "required", 'expected "public" or "final", true or false', status=422)
    with transaction.atomic():  # what is chosen is shown, so it is shown before and taken back after
        if body.public:
            set_public(found, True)
        if body.final is not None:
            set_final(found, body.final)
        if body.public is False:
            set_public(found, False)
    return submissions_out(request, [_find(request, submission_id)])[0]


@router.post("/submissions/{submission_id}/cancel", response=answers(403, 404, 409, _200=SubmissionOut))
def cancel_submission(request: HttpRequest, submission_id: str) -> SubmissionOut:
    """Stop its scoring. It then costs no quota."""
    submission = _find(request, submission_id)
    cancel(submission)
    return submissions_out(request, [submission])[0]


@router.delete("/submissions/{submission_id}/file", response=answers(403, 404, 409, _200=SubmissionOut))
def delete_submission_file(request: HttpRequest, submission_id: str) -> SubmissionOut:
    """Delete its file, where it is on no board and nothing is under way; hash, scores and reports stay."""
    delete_file(_find(request, submission_id))
    return submissions_out(request, [_find(request, submission_id)])[0]


api.add_router("", router)
api.add_router("/batches", orders_api.router)


@api.exception_handler(ApiError)
def _api_error(request: HttpRequest, refusal: ApiError) -> HttpResponse:
    return _errors(request, refusal.status, *refusal.as_dicts())


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    found = [{"field": str(one["loc"][-1]), "code": one["type"], "message": one["msg"]} for one in error.errors]
    return _errors(request, 422, *found)


@api.exception_handler(AuthenticationError)
def _unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    message = "a live token is expected: Authorization: Bearer hb_…"
    return _api_error(request, ApiError("Authorization", "token", message, status=401))


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return _api_error(request, ApiError(None, "not_found", str(error) or "there is nothing here", status=404))


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _api_error(request, ApiError(None, "http", str(error), status=error.status_code))


def _errors(request: HttpRequest, status: int, *errors: dict[str, Any]) -> HttpResponse:
    response = api.create_response(request, {"errors": list(errors)}, status=status)
    next_slot = errors[0].get("next_slot")
    if next_slot:
        wait = datetime.fromisoformat(next_slot) - timezone.now()
        response["Retry-After"] = str(max(1, int(wait.total_seconds()) + 1))
    return response


def _token(request: HttpRequest) -> ApiToken:
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    return token


def _track(slug: str, version: str, task: str, split: str) -> Track:
    track = (
        Track.objects.select_related("release")
        .filter(release__slug=slug, release__version=version, task=task, split=split)
        .first()
    )
    if track is None:
        raise ApiError("track", "not_found", f"there is no track {slug}/{version}/{task}/{split}", status=404)
    return track


def _own(request: HttpRequest) -> Any:
    return Submission.objects.filter(team=_token(request).membership.team)


def _find(request: HttpRequest, submission_id: str) -> Submission:
    try:
        wanted = uuid.UUID(submission_id)
    except ValueError:
        raise ApiError(
            "submission", "not_found", f"{submission_id[:60]!r} is no submission's id: a UUID is expected", status=404
        ) from None
    found: Submission | None = _own(request).select_related("team", "track__release").filter(pk=wanted).first()
    if found is None:
        raise ApiError("submission", "not_found", f"your team has no submission {submission_id}", status=404)
    return found
