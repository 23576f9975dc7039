"""A token issuer as Clerk is one: RSA keys, a JWKS document over HTTP, tokens of every kind."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PARTY = "https://app.example"


@dataclass
class Issuer:
    """Signs with its newest key, publishes `published` keys; counts how often it was asked for them."""

    url: str = ""
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    asked: int = 0
    is_away: bool = False
    # What it sends instead of its keys, and what it waits for before it sends anything.
    body: bytes | None = None
    hold: threading.Event | None = None

    def rotate(self) -> str:
        """Make a new key and publish it alone."""
        kid = f"key-{len(self.keys) + 1}"
        self.keys[kid] = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.published = [kid]
        return kid

    @property
    def newest(self) -> str:
        return list(self.keys)[-1]

    def claims(self, user: str, **changes: Any) -> dict[str, Any]:
        """Claims of a session token; a change to None leaves the claim out."""
        now = int(time())
        known = {"iss": self.url, "sub": user, "azp": PARTY, "iat": now, "nbf": now, "exp": now + 60, **changes}
        return {name: value for name, value in known.items() if value is not None}

    def token(self, user: str, kid: str | None = None, **changes: Any) -> str:
        """A token signed with the newest key, or with the one named."""
        name = kid or self.newest
        return jwt.encode(self.claims(user, **changes), self.keys[name], "RS256", headers={"kid": name})

    def public_pem(self, kid: str | None = None) -> str:
        key = self.keys[kid or self.newest].public_key()
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return key.public_bytes(serialization.Encoding.PEM, kind).decode()

    def document(self) -> dict[str, Any]:
        keys = []
        for kid in self.published:
            jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.keys[kid].public_key()))
            keys.append(jwk | {"kid": kid, "use": "sig", "alg": "RS256"})
        return {"keys": keys}


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    issuer.rotate()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            if issuer.hold is not None:
                issuer.hold.wait(10)
            body = json.dumps(issuer.document()).encode() if issuer.body is None else issuer.body
            self.send_response(503 if issuer.is_away else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def unsigned(claims: dict[str, Any], header: dict[str, Any]) -> str:
    """A token with this very header and no signature."""
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
