"""What an OpenID Connect provider says of a person: by a code in the browser's address, with PKCE and a nonce.

The protocol is Authlib's, which is loaded only where somebody comes this way.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

PROVIDER_S = 5.0  # seconds of a web thread for each answer of the provider
_LONGEST_SUBJECT = 255
logger = logging.getLogger(__name__)


class ProviderError(Exception):
    """The log-in at the provider came to no end."""


@dataclass(frozen=True)
class Claims:
    """`subject` is the person there; `email` is empty unless the provider has confirmed that the address is theirs."""

    subject: str
    email: str
    name: str


def send_there(request: HttpRequest) -> HttpResponse:
    """The way to the provider; what is expected back is noted down in the session. Raises ProviderError."""
    with _refusing():
        answer: HttpResponse = _our_client().authorize_redirect(request, settings.SITE_URL + reverse("provider-back"))
        return answer


def claims_of(request: HttpRequest) -> Claims:
    """Of whoever comes back from the provider, once each. Raises ProviderError."""
    with _refusing():
        client = _our_client()
        expected = {"iss": client.load_server_metadata()["issuer"], "aud": settings.OIDC_CLIENT_ID}
        options = {name: {"essential": True, "values": [value]} for name, value in expected.items()}
        token = client.authorize_access_token(request, claims_options=options)
        said = dict(token["userinfo"])
        if "email" not in said and "userinfo_endpoint" in client.server_metadata:
            more = client.userinfo(token=token)
            said = {**more, **said} if more["sub"] == said["sub"] else said
        subject = str(said["sub"])
    if not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise ProviderError(f"the subject has {len(subject)} characters, expected 1 to {_LONGEST_SUBJECT}")
    confirmed = said.get("email_verified") in (True, "true")
    return Claims(subject, str(said.get("email") or "") if confirmed else "", str(said.get("preferred_username") or ""))


def _our_client() -> Any:
    return _client(settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET)


@cache
def _client(issuer: str, client_id: str, secret: str) -> Any:
    """Asks the provider for its addresses when it is first used; keys it does not know it asks for anew."""
    from authlib.integrations.django_client import OAuth

    return OAuth().register(
        "oidc",
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "default_timeout": PROVIDER_S,
            "leeway": 0,  # used at once: some providers' tokens live for a minute
        },
    )


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever the protocol, the line or the provider's answers do becomes a ProviderError; the log says what."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError
    from requests import RequestException

    try:
        yield
    except (AuthlibBaseError, JoseError, RequestException, ValueError, KeyError, RuntimeError) as error:
        logger.warning("log-in by provider: %s: %s", type(error).__name__, error)
        raise ProviderError(str(error)) from error
