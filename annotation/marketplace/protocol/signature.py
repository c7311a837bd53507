"""AWS Signature Version 4, checked with botocore's own signer on the headers as they arrived."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.http import HttpRequest

from annotation.marketplace.models import Requester
from annotation.marketplace.protocol.errors import front_door

SERVICE = "mturk-requester"
MAX_SKEW = dt.timedelta(minutes=5)
# Without these under the signature a recorded request could be sent again as another operation or elsewhere.
MUST_BE_SIGNED = {"host", "x-amz-date", "x-amz-target"}

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]{1,128})/(?P<date>\d{8})/(?P<region>[a-z0-9-]{1,40})/"
    r"(?P<service>[a-z-]{1,40})/aws4_request,\s*SignedHeaders=(?P<headers>[a-z0-9;-]{1,1000}),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


def authenticate(request: HttpRequest, body: bytes, now: dt.datetime) -> Requester:
    """The requester who signed this request.

    `now` is the wall clock: a client signs with its own. Raises the front door's errors (errors.FRONT_DOOR).
    """
    header = request.headers.get("Authorization")
    if not header:
        raise front_door("MissingAuthenticationTokenException", "Missing Authentication Token")
    parts = _AUTHORIZATION.fullmatch(header)
    if parts is None:
        raise front_door("IncompleteSignatureException", "Authorization header is not a Signature Version 4 header")
    if parts["service"] != SERVICE:
        raise front_door("InvalidSignatureException", f"Credential should be scoped to service {SERVICE}")
    signed = parts["headers"].split(";")
    missing = MUST_BE_SIGNED - set(signed)
    if missing:
        raise front_door("IncompleteSignatureException", f"These headers must be signed: {', '.join(sorted(missing))}")
    timestamp = _check_date(request, parts["date"], now)

    requester = Requester.objects.filter(access_key=parts["key"], active=True).first()
    if requester is None:
        raise front_door("UnrecognizedClientException", "The security token included in the request is invalid.")
    expected = _signature(request, body, signed, timestamp, parts, requester)
    if not hmac.compare_digest(expected, parts["signature"]):
        raise front_door(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your secret key.",
        )
    return requester


def _check_date(request: HttpRequest, scope_date: str, now: dt.datetime) -> str:
    timestamp = request.headers.get("X-Amz-Date", "")
    try:
        signed_at = dt.datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError:
        raise front_door("IncompleteSignatureException", "X-Amz-Date must look like 20170117T120000Z") from None
    if timestamp[:8] != scope_date:
        raise front_door("InvalidSignatureException", "Credential date does not match X-Amz-Date")
    if abs(signed_at - now) > MAX_SKEW:
        raise front_door(
            "InvalidSignatureException",
            f"Signature expired or not yet current: {timestamp} is more than 5 min from {now:%Y%m%dT%H%M%SZ}",
        )
    return timestamp


def _signature(
    request: HttpRequest, body: bytes, signed: list[str], timestamp: str, parts: re.Match[str], requester: Requester
) -> str:
    headers = {name: request.headers.get(name, "") for name in signed}
    claimed_hash = headers.get("x-amz-content-sha256")
    if claimed_hash is not None and claimed_hash != hashlib.sha256(body).hexdigest():
        raise front_door("InvalidSignatureException", "X-Amz-Content-SHA256 is not the hash of the body")
    received = AWSRequest(
        method=request.method, url=request.build_absolute_uri(request.get_full_path()), data=body, headers=headers
    )
    received.context["timestamp"] = timestamp
    signer = SigV4Auth(Credentials(requester.access_key, requester.secret), SERVICE, parts["region"])
    return str(signer.signature(signer.string_to_sign(received, signer.canonical_request(received)), received))
