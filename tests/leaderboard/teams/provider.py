"""A small OpenID Connect provider over HTTP, for tests: one person is logged in there."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "hero-bench", "hush"


class Provider:
    """`person` are the claims about whoever is logged in; `lies` replace claims of the protocol in ID tokens.

    `more` replaces what it says of itself, `bodies` whole answers by their path; `goes_on` lets it answer, and between
    two bytes of a body it rests for `rest_s`.
    """

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.person: dict[str, Any] = {
            "sub": "248289761001", "email": "eve@example.org", "email_verified": True, "preferred_username": "eve",
        }  # fmt: skip
        self.lies: dict[str, Any] = {}
        self.key = self.signs_with = RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256", "use": "sig"})
        self.algorithm = "RS256"
        self.userinfo_only: tuple[str, ...] = ()
        self.more: dict[str, Any] = {}
        self.bodies: dict[str, bytes] = {}
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.rest_s = 0.0
        self._codes: dict[str, dict[str, str]] = {}

    def configuration(self) -> dict[str, Any]:
        at = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "userinfo")}
        return {
            "issuer": self.issuer,
            **at,
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            **self.more,
        }

    def authorise(self, asked: dict[str, str]) -> str:
        """Where the browser is sent, with a code that is good for once."""
        assert asked["client_id"] == CLIENT
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """None where the code, the verifier, the address or the client is not the one that was sent."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        began = self._codes.pop(asked["code"], None)
        digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if authorization != f"Basic {basic}" or began is None or asked["redirect_uri"] != began["redirect_uri"]:
            return None
        if challenge != began["code_challenge"]:
            return None
        now = int(time.time())
        told = {name: value for name, value in self.person.items() if name not in self.userinfo_only}
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": began["nonce"], **told}
        signed = self._signed(claims | self.lies)
        return {"access_token": "read me", "token_type": "Bearer", "expires_in": 60, "id_token": signed}

    def _signed(self, claims: dict[str, Any]) -> str:
        """By its key; by nothing, or by the public key as if that were a secret, where `algorithm` says so."""
        header = {"alg": self.algorithm, "kid": "1"}
        if self.algorithm == "RS256":
            return jwt.encode(header, claims, self.signs_with)
        said = b".".join(_part(json.dumps(one).encode()) for one in (header, claims))
        public = self.key.as_pem(private=False)
        by = b"" if self.algorithm == "none" else hmac.digest(public, said, hashlib.sha256)
        return b".".join((said, _part(by))).decode()


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@contextmanager
def serving() -> Iterator[Provider]:
    """A provider that answers until the end."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            at = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(at.query).items()}
            if at.path == "/authorization":
                self.send_response(302)
                self.send_header("Location", provider.authorise(asked))
                self.end_headers()
                return
            said = {
                "/.well-known/openid-configuration": provider.configuration(),
                "/jwks": {"keys": [provider.key.as_dict(private=False)]},
                "/userinfo": provider.person,
            }
            self._say(said.get(at.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked = {name: values[0] for name, values in parse_qs(body).items()}
            self._say(provider.token(asked, self.headers["Authorization"]))

        def _say(self, said: dict[str, Any] | None) -> None:
            provider.goes_on.wait(10)
            told = json.dumps(said or {"error": "invalid_grant"}).encode()
            body = provider.bodies.get(self.path, told)
            self.send_response(200 if said else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # who waits no longer has gone
                for at in range(0, len(body), 1 if provider.rest_s else len(body)):
                    self.wfile.write(body[at : at + 1] if provider.rest_s else body)
                    time.sleep(provider.rest_s)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        provider = Provider(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield provider
        provider.goes_on.set()
        server.shutdown()
