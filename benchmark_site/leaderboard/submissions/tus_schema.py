"""The tus routes as openapi.json has them: the API's framework knows only the routes that it serves."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from benchmark_site.tus.protocol import BYTES, VERSION

_TRACK = "/api/tracks/{slug}/{version}/{task}/{split}/uploads"
_UPLOAD = "/api/uploads/{upload_id}"
_ERRORS = {"$ref": "#/components/schemas/ErrorsOut"}
_PARTS_OF_A_TRACK = {
    "slug": "^[A-Za-z0-9_-]+$",
    "version": "^[0-9][0-9A-Za-z.+-]*$",
    "task": "^[a-z]+$",
    "split": "^[a-z]+$",
}
_TEXT, _BYTES = {"type": "string"}, {"type": "integer", "minimum": 0}


def paths() -> dict[str, Any]:
    """Their operations by path and method."""
    upload = [_parameter("path", "upload_id", {"type": "string", "format": "uuid"})]
    return {
        _TRACK: {
            "parameters": [
                _parameter("path", name, _TEXT | {"pattern": pattern}) for name, pattern in _PARTS_OF_A_TRACK.items()
            ],
            "post": _operation(
                "begin_upload",
                "Room for a file in pieces, or the room that the same file has already.",
                [_tus(), _header("Upload-Length", _BYTES), _header("Upload-Metadata", _TEXT, _METADATA)],
                {201: ("the upload's address", ["Location"])},
                [400, 401, 403, 404, 409, 412, 413, 429],
            ),
        },
        _UPLOAD: {
            "parameters": upload,
            "head": _operation(
                "get_offset",
                "How much has come.",
                [_tus()],
                {200: ("", ["Upload-Offset", "Upload-Length"])},
                [401, 403, 404, 412],
            ),
            "patch": _operation(
                "send_piece",
                "A piece at the next offset; the last one makes the file a submission.",
                [_tus(), _header("Upload-Offset", _BYTES)],
                {204: ("the next offset", ["Upload-Offset"])},
                [400, 401, 403, 404, 409, 412, 415, 429],
            )
            | {"requestBody": {"required": True, "content": {BYTES: {"schema": _TEXT | {"format": "binary"}}}}},
            "delete": _operation(
                "end_upload", "Forget it with what has come of it.", [_tus()], {204: ("", [])}, [401, 403, 404, 412]
            ),
            "get": _operation("get_upload", "What became of it.", [], {200: ("", [])}, [401, 403, 404], _BECAME),
        },
    }


_METADATA = (
    "`key base64, key base64`: filename, sha256, and the form fields of a submission. With the same sha256 and fields "
    "it answers with the upload that is under way"
)
_BECAME = {
    "anyOf": [
        {
            "type": "object",
            "required": ["submission", "page", "waits_for"],
            "properties": {
                "submission": {"type": ["string", "null"], "description": "its id, null until the file is whole"},
                "page": {"type": ["string", "null"]},
                "waits_for": {
                    "anyOf": [{"$ref": "#/components/schemas/ErrorOut"}, {"type": "null"}],
                    "description": "why a whole file is no submission yet: it becomes one by itself",
                },
            },
        },
        _ERRORS,
    ]
}


def _operation(
    name: str,
    summary: str,
    parameters: list[dict[str, Any]],
    granted: dict[int, tuple[str, list[str]]],
    refusals: list[int],
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One operation: what it answers by status, with words and headers where it is granted, in the one shape else."""
    answers: dict[int, Any] = {
        status: {
            "description": words or HTTPStatus(status).phrase,
            "headers": {header: {"required": True, "schema": _TEXT} for header in headers},
            **({"content": {"application/json": {"schema": body}}} if body else {}),
        }
        for status, (words, headers) in granted.items()
    }
    for status in refusals:
        content = {"application/json": {"schema": _ERRORS}}
        answers[status] = {"description": HTTPStatus(status).phrase, "content": content}
    return {
        "operationId": name, "summary": summary, "parameters": parameters, "responses": answers,
        "tags": ["uploads"], "security": [{"TokenAuth": []}],
    }  # fmt: skip


def _tus() -> dict[str, Any]:
    return _header("Tus-Resumable", {"type": "string", "enum": [VERSION]})


def _header(name: str, schema: dict[str, Any], words: str = "") -> dict[str, Any]:
    return _parameter("header", name, schema) | ({"description": words} if words else {})


def _parameter(where: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"in": where, "name": name, "required": True, "schema": schema}
