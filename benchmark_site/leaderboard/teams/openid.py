"""What an OpenID Connect provider says of a person: by a code in the browser's address, with PKCE and a nonce.

The protocol is Authlib's (`provider_client`), which is loaded only where somebody comes this way.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

AT_ONCE = 2  # web threads of a process that wait for the provider; anybody can make one wait
_LONGEST_SUBJECT, _LONGEST_EMAIL, _LONGEST_NAME = 255, 254, 150
_turns = BoundedSemaphore(AT_ONCE)
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
            said = {**said, **more} if more["sub"] == said["sub"] else said
        subject = _word(said["sub"], _LONGEST_SUBJECT)
        if not subject or not subject.isascii():
            raise ValueError(f"the subject is {said['sub']!r}, expected 1 to {_LONGEST_SUBJECT} letters of ASCII")
    return Claims(subject, _confirmed_email(said), _word(said.get("preferred_username"), _LONGEST_NAME))


def _confirmed_email(said: dict[str, Any]) -> str:
    """Empty, too, for what is no address."""
    email = _word(said.get("email"), _LONGEST_EMAIL)
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email if said.get("email_verified") in (True, "true") else ""


def _word(said: object, longest: int) -> str:
    """A text that the database and a page take, or none."""
    return said if isinstance(said, str) and said.isprintable() and len(said) <= longest else ""


def _our_client() -> Any:
    return _client(settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET)


@cache
def _client(issuer: str, client_id: str, secret: str) -> Any:
    """Asks the provider for its addresses when it is first used; keys it does not know it asks for anew."""
    from authlib.integrations.django_client import OAuth

    from benchmark_site.leaderboard.teams.provider_client import DISCOVERY, Provider

    return OAuth().register(
        "oidc",
        client_cls=Provider,
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=issuer.rstrip("/") + DISCOVERY,
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "leeway": 0,  # used at once: some providers' tokens live for a minute
        },
    )


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever the protocol, the line or the provider's answers do becomes a ProviderError; the log says what.

    Where AT_ONCE wait already, it is one at once: a provider that is slow would else hold every thread of the site.
    """
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    of_the_line = (AuthlibBaseError, JoseError, RequestException, HTTPError)
    if not _turns.acquire(blocking=False):
        raise ProviderError(f"{AT_ONCE} wait for the provider")
    try:
        yield
    except (*of_the_line, ValueError, TypeError, AttributeError, KeyError, RuntimeError) as error:
        # As a literal: what stands in the browser's address would else write lines of its own.
        logger.warning("log-in by provider: %s: %r", type(error).__name__, str(error))
        raise ProviderError(str(error)) from error
    finally:
        _turns.release()
