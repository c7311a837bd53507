"""The one shape in which the API says no: which field, a code for programs, a sentence for people."""

from __future__ import annotations

from typing import Any

from ninja import Schema


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
