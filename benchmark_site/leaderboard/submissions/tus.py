"""Submissions in pieces, by tus: who asks, and in which shape is answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from benchmark_site.leaderboard.api_auth import TokenAuth
from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.boards.views import find_track
from benchmark_site.leaderboard.models import ApiToken, SubmissionUpload, Team
from benchmark_site.leaderboard.submissions import pieces, uploads
from benchmark_site.tus.protocol import Refusal, Tus, TusNew, TusParts


class _Answers(Tus):
    """Refusals in the API's own shape; files as large as submissions may be."""

    def largest(self) -> int:
        return uploads.max_bytes()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except ApiError as refusal:
            return _refused(refusal)
        except Http404:
            return _refused(ApiError(None, "not_found", "there is nothing here", status=404))

    def refuse(self, refusal: Refusal) -> HttpResponse:
        return _refused(ApiError("file", "tus", str(refusal), status=refusal.status))

    def owner(self) -> User:
        """Who asks: the table of access has seen to it that somebody does."""
        assert isinstance(self.request.user, User)
        return self.request.user

    def team(self, said: dict[str, str]) -> Team:
        """The team that is meant, of those of the one who asks."""
        wanted = said.get("team", "")
        found = Team.objects.filter(memberships__user=self.owner().pk)
        is_key = wanted.isascii() and wanted.isdigit() and len(wanted) < 19  # of a bigint
        found = found.filter(pk=int(wanted)) if is_key else found.none()
        team = found.first()
        if team is None:
            raise ApiError("team", "invalid", "expected one of your teams", status=400)
        return team


class NewByPage(_Answers, TusNew):
    """Room for a file of predictions for a track."""

    address = "submission-upload"

    def begin(self, size: int, said: dict[str, str]) -> str:
        track = find_track(**{name: self.kwargs[name] for name in ("slug", "version", "task", "split")})
        upload = pieces.begin(self.owner(), self.team(said), track, said.get("filename", ""), size, said)
        return reverse(self.address, args=[upload.pk])


class PartsByPage(_Answers, TusParts):
    """One file of predictions on its way."""

    kind = SubmissionUpload

    def find(self, pk: UUID) -> SubmissionUpload:
        return get_object_or_404(SubmissionUpload, pk=pk, owner=self.owner())

    def finish(self, pk: UUID) -> None:
        pieces.finish(pk)

    def discard(self, upload: SubmissionUpload) -> None:
        pieces.discard(upload)

    def became(self, upload: SubmissionUpload) -> dict[str, Any]:
        if upload.refusal:
            return {"errors": [upload.refusal]}
        made = upload.submission
        if made is None:
            return {"submission": None, "page": None, "waits_for": upload.waits_for}
        page = self.request.build_absolute_uri(made.get_absolute_url())
        return {"submission": str(made.pk), "page": page, "waits_for": None}


class _ByToken(_Answers):
    """The same with a token instead of a session: no cookie, so nothing that another site's page could use."""

    token: ApiToken

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            found = TokenAuth().authenticate(request, token.strip()) if scheme.lower() == "bearer" else None
        except ApiError as refusal:
            return _refused(refusal)
        if found is None:
            return _refused(ApiError("Authorization", "token", "a live token that may submit is expected", status=401))
        self.token = found
        return super().dispatch(request, *args, **kwargs)

    def owner(self) -> User:
        user: User = self.token.membership.user
        return user

    def team(self, said: dict[str, str]) -> Team:
        return self.token.membership.team


class NewByToken(_ByToken, NewByPage):
    address = "api-upload"


class PartsByToken(_ByToken, PartsByPage):
    def find(self, pk: UUID) -> SubmissionUpload:
        return get_object_or_404(SubmissionUpload, pk=pk, owner=self.owner(), team=self.token.membership.team)


def _refused(refusal: ApiError) -> JsonResponse:
    return JsonResponse({"errors": [refusal.as_dict()]}, status=refusal.status)
