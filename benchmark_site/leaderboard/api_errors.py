"""The one shape in which the API says no: which field, a code for programs, a sentence for people."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A request that is not granted. `status` is the HTTP status; `more` holds what a program may want to know."""

    def __init__(self, field: str | None, code: str, message: str, *, status: int = 400, **more: Any) -> None:
        super().__init__(message)
        self.field, self.code, self.message, self.status, self.more = field, code, message, status, more

    def as_dict(self) -> dict[str, Any]:
        return {"field": self.field, "code": self.code, "message": self.message, **self.more}
