"""The one shape in which the API says no: which field, a code for programs, a sentence for people."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from ninja import Schema

_BELOW = "/api/"
# What Django or the API's framework says by itself, by status.
_SAID = {
    400: ("bad_request", "the request cannot be read"),
    403: ("forbidden", "this is for nobody: see /api/openapi.json"),
    404: ("not_found", "there is nothing here: see /api/openapi.json"),
    500: ("fault", "something went wrong on our side; what was saved before is safe: try again in a moment"),
}


class ErrorOut(Schema):
    """Some codes carry more: `next_slot`, `person`, `teams`, `submission`."""

    model_config = {"extra": "allow"}

    field: str | None
    code: str
    message: str


class ErrorsOut(Schema):
    errors: list[ErrorOut]


def answers(*refusals: int, **granted: Any) -> dict[int, Any]:
    """What an operation may answer, for the schema: statuses of success with their form, and those of refusals."""
    return {int(status[1:]): form for status, form in granted.items()} | dict.fromkeys((401, *refusals), ErrorsOut)


class ApiError(Exception):
    """A request that is not granted. `status` is the HTTP status; `more` holds what a program may want to know."""

    def __init__(self, field: str | None, code: str, message: str, *, status: int = 400, **more: Any) -> None:
        super().__init__(message)
        self.field, self.code, self.message, self.status, self.more = field, code, message, status, more
        self.others: list[ApiError] = []

    @classmethod
    def several(cls, problems: list[tuple[str, str, str]], *, status: int) -> ApiError:
        """One refusal for several fields: (field, code, message) each."""
        first, *others = [cls(*problem, status=status) for problem in problems]
        first.others = others
        return first

    def as_dict(self) -> dict[str, Any]:
        return {"field": self.field, "code": self.code, "message": self.message, **self.more}

    def as_dicts(self) -> list[dict[str, Any]]:
        return [self.as_dict(), *(other.as_dict() for other in self.others)]


class OneShapeMiddleware(MiddlewareMixin):
    """Puts what others refuse below /api/ into the one shape: a wrong method or address, a fault of ours."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code < 400 or not request.path.startswith(_BELOW) or not isinstance(response, HttpResponse):
            return response
        if response.get("Content-Type", "").partition(";")[0] != "application/json":
            _shape(response)
        return response


def _shape(response: HttpResponse) -> None:
    """In place, so that headers such as Allow stay."""
    status = response.status_code
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(sorted(response["Allow"].split(", ")))
        code, message = "method", f"expected a method that this address has: {allowed}"
    else:
        code, message = _SAID.get(status, ("http", HTTPStatus(status).phrase))
    response.content = json.dumps({"errors": [ApiError(None, code, message).as_dict()]}).encode()
    response["Content-Type"] = "application/json"
    if response.has_header("Content-Length"):
        response["Content-Length"] = str(len(response.content))
