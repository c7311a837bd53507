"""Authlib's client with what a site adds that does not let one provider's fault become its own.

Answers are bounded in size and time and followed nowhere else, and what the provider says of itself is checked before
it is believed. Loaded only where somebody comes this way.
"""

from __future__ import annotations

import time
from io import BytesIO
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import DjangoOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from requests import Response

PROVIDER_S = 5.0  # seconds in which an answer of the provider must be here; a silence ends it, too
MOST_BYTES = 2**20  # of an answer: a few kilobytes are usual
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
# Not `none`, which providers list for others, and nothing that is signed with a secret or a public key taken for one.
_SIGNED_BY_THEM = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
_USUAL = ["RS256"]  # where the provider lists none


class Session(OAuth2Session):
    """Waits for no answer for longer than PROVIDER_S, keeps none that is larger than MOST_BYTES, follows none."""

    def request(self, *args: Any, **kwargs: Any) -> Response:
        ends = time.monotonic() + PROVIDER_S
        response: Response = super().request(*args, **{**kwargs, "stream": True, "timeout": PROVIDER_S})
        with response.raw as raw:
            body = _read(raw, ends)
        response.raw = BytesIO(body)
        return response

    def get_redirect_target(self, resp: Response) -> None:
        """Nowhere: what the protocol asks for is answered at once, and elsewhere might be inside our own network."""


class Provider(DjangoOAuth2App):
    """Believes of a provider's account of itself what is true of the configured issuer."""

    client_cls = Session

    def load_server_metadata(self) -> dict[str, Any]:
        said: dict[str, Any] = super().load_server_metadata()
        issuer = self._server_metadata_url.removesuffix(DISCOVERY)
        try:
            check_metadata(said, issuer)
        except OAuthError:
            said.clear()  # it is asked again the next time
            raise
        listed = said.get("id_token_signing_alg_values_supported", _USUAL)
        said["id_token_signing_alg_values_supported"] = [one for one in listed if one in _SIGNED_BY_THEM]
        return said

    def fetch_jwk_set(self, force: bool = False) -> dict[str, Any]:
        keys: dict[str, Any] = super().fetch_jwk_set(force)
        if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
            self.server_metadata.pop("jwks", None)  # Authlib would keep them for ever
            raise OAuthError(description=f"jwks_uri: expected a set of keys, found {str(keys)[:60]!r}")
        return keys


DISCOVERY = "/.well-known/openid-configuration"


def check_metadata(said: dict[str, Any], issuer: str) -> None:
    """Raise OAuthError where a provider is another than the one that is configured, or sends secrets in the clear."""
    if str(said.get("issuer")).rstrip("/") != issuer:
        raise OAuthError(description=f"issuer: {said.get('issuer')!r}, expected {issuer!r} (OIDC_ISSUER)")
    for name in _ENDPOINTS:
        if issuer.startswith("https://") and not str(said.get(name, "https://")).startswith("https://"):
            raise OAuthError(description=f"{name}: {said[name]!r}, expected an https address")


def _read(raw: Any, ends: float) -> bytes:
    """What comes until then. Raises OAuthError where it is too much or takes too long."""
    body = bytearray()
    while piece := raw.read1(2**14, decode_content=True):
        body += piece
        if len(body) > MOST_BYTES:
            raise OAuthError(description=f"the answer is larger than {MOST_BYTES:,} bytes")
        if time.monotonic() > ends:
            raise OAuthError(description=f"the answer takes longer than {PROVIDER_S:g} s")
    return bytes(body)
