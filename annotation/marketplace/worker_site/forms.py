"""QuestionForms as HTML forms: qualification tests, and HITs that ask by QuestionForm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from annotation.marketplace.questions.form import Field, QuestionForm, errors_in

PREFIX = "answer-"  # keeps a requester's identifiers apart from our own field names


@dataclass(frozen=True)
class BoundField:
    field: Field
    values: list[str]
    error: str

    @property
    def html_name(self) -> str:
        return PREFIX + self.field.identifier

    @property
    def value(self) -> str:
        return self.values[-1] if self.values else self.field.default


class Sheet:
    """A QuestionForm filled with what a request sent (nothing, before the first try)."""

    def __init__(self, form: QuestionForm, request: HttpRequest) -> None:
        self.form = form
        self.sent = request.method == "POST"
        self.values = {
            question.identifier: [value for value in request.POST.getlist(PREFIX + question.identifier) if value]
            for question in form.fields
            if question.kind != "file"
        }
        self.files: dict[str, UploadedFile] = {}
        for question in form.fields:
            upload = request.FILES.get(PREFIX + question.identifier)
            if question.kind == "file" and isinstance(upload, UploadedFile):
                self.files[question.identifier] = upload
                self.values[question.identifier] = [upload.name or "file"]
        self.errors = (errors_in(form, self.values) | self._file_errors()) if self.sent else {}

    @property
    def complete(self) -> bool:
        return self.sent and not self.errors

    def __iter__(self) -> Iterator[BoundField]:
        for question in self.form.fields:
            identifier = question.identifier
            yield BoundField(question, self.values.get(identifier, []), self.errors.get(identifier, ""))

    def _file_errors(self) -> dict[str, str]:
        found = {}
        for question in self.form.fields:
            upload = self.files.get(question.identifier)
            size = upload.size if upload is not None and upload.size is not None else None
            if size is None:
                continue
            if size > (question.most or 0) or size < (question.least or 0):
                found[question.identifier] = f"The file must have from {question.least or 0} to {question.most} bytes."
        return found
