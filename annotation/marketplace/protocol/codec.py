"""JSON on the wire <-> Python values, by botocore's own service model.

The model is read from the installed botocore: its parser decodes requests (as it decodes responses for clients), its
validator checks them, its serialiser writes the answers. `limits` adds what botocore's validator leaves out.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import get_session
from botocore.validate import ParamValidator
from django.core.exceptions import ImproperlyConfigured

from annotation.marketplace.protocol import limits
from annotation.marketplace.protocol.errors import front_door, refused

SERVICE = "mturk"
API_VERSION = "2017-01-17"


@cache
def service_model() -> ServiceModel:
    """MTurk's service model. Raises ImproperlyConfigured where this botocore has dropped it."""
    loader = get_session().get_component("data_loader")
    try:
        return ServiceModel(loader.load_service_model(SERVICE, "service-2", api_version=API_VERSION), SERVICE)
    except UnknownServiceError as error:
        raise ImproperlyConfigured(
            "The installed botocore carries no mturk service model any more. botocore 1.44.5 has it: install that "
            "version, or copy its folder botocore/data/mturk and point AWS_DATA_PATH to the folder above it."
        ) from error


@cache
def operation(name: str) -> OperationModel:
    """Raises UnknownOperationException."""
    if name not in service_model().operation_names:
        raise front_door("UnknownOperationException", f"There is no operation {name[:80]!r}")
    return service_model().operation_model(name)


@cache
def _mirrored(name: str) -> OperationModel:
    """The operation with its output in the place of its input, so that the request serialiser writes answers."""
    description = {"name": name, "http": {"method": "POST", "requestUri": "/"}}
    output = operation(name).output_shape
    if output is not None:
        description["input"] = {"shape": output.name}
    return OperationModel(description, service_model(), name)


def decode(name: str, body: bytes) -> dict[str, Any]:
    """A request's members as Python values (timestamps aware, in UTC). Raises ApiError for anything malformed."""
    try:
        raw = json.loads(body or b"{}", parse_constant=_no_constant, parse_float=float)
    except (ValueError, RecursionError) as error:
        raise front_door("SerializationException", f"The body is not JSON: {str(error)[:200]}") from None
    if not isinstance(raw, dict):
        raise front_door("SerializationException", "The body must be a JSON object")
    raw = _without_none(raw)
    shape = operation(name).input_shape
    report = ParamValidator().validate(raw, shape)
    if report.has_errors():
        code = "AWS.MissingParameters" if "Missing required parameter" in report.generate_report() else None
        raise refused(code or "AWS.MechanicalTurk.InvalidParameterValue", report.generate_report()[:1000])
    limits.check(name, raw, shape)
    parsed = create_parser("json").parse({"status_code": 200, "headers": {}, "body": body or b"{}"}, shape)
    parsed.pop("ResponseMetadata", None)
    return limits.in_utc(parsed)


def encode(name: str, answer: dict[str, Any]) -> bytes:
    """The answer's JSON, validated against the output shape. Members that are None are left out."""
    serializer = create_serializer("json", include_validation=True)
    return bytes(serializer.serialize_to_request(_without_none(answer), _mirrored(name))["body"])


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_none(member) for member in value]
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
