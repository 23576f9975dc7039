"""Who is who: every way of forging a token is refused, and keys rotate."""

import base64
import hashlib
import hmac
import json
import socket
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Thread
from time import monotonic, sleep, time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.api.identity import keys, local_key
from matchme_pipeline.api.identity.keys import JwksKeys, PemKey
from matchme_pipeline.api.identity.tokens import KeysUnavailableError, TokenRefusedError, TokenVerifier, Verifier
from matchme_pipeline.api.service import token_verifier
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.settings import Settings, load_settings
from matchme_pipeline_tests.api.conftest import MEMBER, Api
from matchme_pipeline_tests.api.issuer import PARTY, Issuer, running_issuer, unsigned

STATUS = "/api/batch/status"


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def signed_with_public_key(issuer: Issuer) -> str:
    head = encoded({"alg": "HS256", "typ": "JWT", "kid": issuer.newest}) + "." + encoded(issuer.claims(MEMBER))
    signature = hmac.new(issuer.public_pem().encode(), head.encode(), hashlib.sha256).digest()
    return head + "." + base64.urlsafe_b64encode(signature).decode().rstrip("=")


def with_changed_subject(issuer: Issuer) -> str:
    head, _, signature = issuer.token(MEMBER).split(".")
    return f"{head}.{encoded(issuer.claims('user_admin'))}.{signature}"


def brings_its_own_key(issuer: Issuer) -> str:
    own = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key()))
    headers = {"kid": issuer.newest, "jwk": jwk, "jku": "https://evil.example/jwks.json"}
    return jwt.encode(issuer.claims(MEMBER), own, "RS256", headers=headers)


def signed_by_somebody_else(issuer: Issuer) -> str:
    own = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return jwt.encode(issuer.claims(MEMBER), own, "RS256", headers={"kid": issuer.newest})


def without_kid(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(MEMBER), issuer.keys[issuer.newest], "RS256")


def with_header(issuer: Issuer, **header: Any) -> str:
    return jwt.encode(
        issuer.claims(MEMBER), issuer.keys[issuer.newest], "RS256", headers={"kid": issuer.newest, **header}
    )


FORGED = {
    "no algorithm": lambda i: unsigned(i.claims(MEMBER), {"alg": "none", "typ": "JWT", "kid": i.newest}),
    "NoNe": lambda i: unsigned(i.claims(MEMBER), {"alg": "NoNe", "kid": i.newest}),
    "signature left out": lambda i: i.token(MEMBER).rsplit(".", 1)[0] + ".",
    "HS256 with the public key": signed_with_public_key,
    "another algorithm of the same key": lambda i: jwt.encode(
        i.claims(MEMBER), i.keys[i.newest], "PS256", headers={"kid": i.newest}
    ),
    "another subject": with_changed_subject,
    "its own key": brings_its_own_key,
    "somebody else's key": signed_by_somebody_else,
    "missing kid": without_kid,
    "unknown kid": lambda i: with_header(i, kid="nobody"),
    "kid as a path": lambda i: with_header(i, kid="../../etc/passwd"),
    "critical extension": lambda i: with_header(i, crit=["exp"]),
    "expired": lambda i: i.token(MEMBER, exp=int(time()) - 10),
    "not valid yet": lambda i: i.token(MEMBER, nbf=int(time()) + 60),
    "from the future": lambda i: i.token(MEMBER, iat=int(time()) + 600),
    "wrong issuer": lambda i: i.token(MEMBER, iss="https://clerk.evil.example"),
    "issuer with a slash": lambda i: i.token(MEMBER, iss=i.url + "/"),
    "no issuer": lambda i: i.token(MEMBER, iss=None),
    "no expiry": lambda i: i.token(MEMBER, exp=None),
    "no not-before": lambda i: i.token(MEMBER, nbf=None),
    "no subject": lambda i: i.token(MEMBER, sub=None),
    "empty subject": lambda i: i.token(""),
    "subject with SQL": lambda i: i.token("x' or '1'='1"),
    "another application": lambda i: i.token(MEMBER, azp="https://evil.example"),
    "no application": lambda i: i.token(MEMBER, azp=None),
    "applications in a list": lambda i: i.token(MEMBER, azp=[PARTY]),
    "not a token": lambda i: "abc",
    "empty parts": lambda i: "..",
    "too long": lambda i: i.token(MEMBER, filler="x" * 9_000),
}


def test_a_true_token_is_let_in(api: Api):
    assert api.get(STATUS, MEMBER).status_code == 200


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_token_is_refused(api: Api, how: str):
    answer = api.client.get(STATUS, headers={"Authorization": f"Bearer {FORGED[how](api.issuer)}"})
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token abc", "bearer a b"])
def test_an_authorization_header_without_a_token_is_refused(api: Api, header: str):
    assert api.client.get(STATUS, headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "__session", "Authorization"])
def test_a_token_in_the_url_is_refused_even_beside_a_true_one(api: Api, name: str):
    answer = api.client.get(f"{STATUS}?{name}=abc", headers=api.bearer(MEMBER))
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:matchme:problem:token-in-url")


@pytest.fixture
def own_issuer() -> Any:
    with running_issuer() as found:
        yield found


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def verifier(issuer: Issuer, clock: Clock) -> TokenVerifier:
    return TokenVerifier(issuer.url, frozenset({PARTY}), JwksKeys(f"{issuer.url}/jwks", clock))


def test_after_a_rotation_the_new_key_counts_at_once_and_the_old_one_no_more(own_issuer: Issuer):
    clock = Clock()
    found = verifier(own_issuer, clock)
    before = own_issuer.token(MEMBER)
    assert found.verify(before).user_id == MEMBER
    own_issuer.rotate()
    assert found.verify(own_issuer.token(MEMBER)).user_id == MEMBER
    with pytest.raises(TokenRefusedError, match="does not have"):
        found.verify(before)


def test_a_retired_key_is_refused_within_seconds_though_nobody_uses_the_new_one(own_issuer: Issuer):
    clock = Clock()
    found = verifier(own_issuer, clock)
    before = own_issuer.token(MEMBER)
    found.verify(before)
    own_issuer.rotate()
    clock.now = keys.OLD_SECONDS + 1
    with pytest.raises(TokenRefusedError):
        found.verify(before)


def test_invented_key_ids_do_not_make_us_ask_the_issuer_each_time(own_issuer: Issuer):
    found = verifier(own_issuer, Clock())
    found.verify(own_issuer.token(MEMBER))
    for number in range(200):
        with pytest.raises(TokenRefusedError):
            found.verify(with_header(own_issuer, kid=f"invented-{number}"))
    assert own_issuer.asked <= keys.FETCHES_AT_ONCE


def test_while_the_issuer_is_away_known_keys_count_for_a_while(own_issuer: Issuer):
    clock = Clock()
    found = verifier(own_issuer, clock)
    found.verify(own_issuer.token(MEMBER))
    own_issuer.is_away = True
    clock.now = keys.STALE_SECONDS - 1
    assert found.verify(own_issuer.token(MEMBER)).user_id == MEMBER
    clock.now = keys.STALE_SECONDS + 1
    with pytest.raises(KeysUnavailableError):
        found.verify(own_issuer.token(MEMBER))


def test_an_issuer_that_hangs_holds_up_nobody_whose_key_is_known(own_issuer: Issuer):
    clock = Clock()
    found = verifier(own_issuer, clock)
    token = own_issuer.token(MEMBER)
    found.verify(token)
    own_issuer.hold = threading.Event()
    try:
        clock.now = keys.FRESH_SECONDS + 1
        started = time()
        for _ in range(20):
            assert found.verify(token).user_id == MEMBER
        with pytest.raises(KeysUnavailableError, match="being fetched"):
            found.verify(with_header(own_issuer, kid="new"))
        assert time() - started < keys.FETCH_SECONDS
    finally:
        own_issuer.hold.set()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"keys": 1}', b'{"keys": [{"kty": "RSA", "kid": "a"}]}', b" " * 300_000]
)
def test_what_is_no_jwks_document_changes_nothing(own_issuer: Issuer, body: bytes):
    clock = Clock()
    found = verifier(own_issuer, clock)
    token = own_issuer.token(MEMBER)
    found.verify(token)
    own_issuer.body = body
    clock.now = keys.OLD_SECONDS + 1
    assert found.verify(token).user_id == MEMBER
    assert own_issuer.asked == 2


def test_a_key_that_cannot_be_read_holds_up_none_of_the_others(own_issuer: Issuer):
    listed = [{"kty": "RSA", "kid": "a"}, *own_issuer.document()["keys"]]
    own_issuer.body = json.dumps({"keys": listed}).encode()
    assert verifier(own_issuer, Clock()).verify(own_issuer.token(MEMBER)).user_id == MEMBER


def test_a_configured_key_needs_no_issuer_to_be_asked(issuer: Issuer):
    found = TokenVerifier(issuer.url, frozenset({PARTY}), PemKey(issuer.public_pem().replace("\n", "\\n")))
    assert found.verify(without_kid(issuer)).user_id == MEMBER
    for forge in (signed_by_somebody_else, signed_with_public_key, with_changed_subject):
        with pytest.raises(TokenRefusedError):
            found.verify(forge(issuer))


@pytest.mark.parametrize("pem", ["", "not a key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_a_configured_key_that_is_none_is_named(pem: str):
    with pytest.raises(ConfigurationError, match="MATCHME_CLERK_PUBLIC_KEY"):
        PemKey(pem)


@cache
def local_verifier() -> Verifier:
    with tempfile.TemporaryDirectory() as home:
        return token_verifier(Settings(MATCHME_HOME=home))


@settings(max_examples=200, deadline=None)
@given(junk=st.one_of(st.text(max_size=300), st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))))
def test_no_junk_is_ever_a_token(junk: str):
    with pytest.raises(TokenRefusedError):
        local_verifier().verify(junk)


def test_a_development_token_counts_where_no_issuer_is_configured(tmp_path: Path):
    here = Settings(MATCHME_HOME=tmp_path / "home")
    assert token_verifier(here).verify(local_key.mint(here, MEMBER, 1)).user_id == MEMBER
    elsewhere = Settings(MATCHME_HOME=tmp_path / "other")
    with pytest.raises(TokenRefusedError):
        token_verifier(elsewhere).verify(local_key.mint(here, MEMBER, 1))
    assert (tmp_path / "home" / local_key.KEY_FILE).stat().st_mode & 0o077 == 0


def test_a_production_configuration_refuses_development_tokens(tmp_path: Path, issuer: Issuer):
    minted = local_key.mint(Settings(MATCHME_HOME=tmp_path), MEMBER, 1)
    production = Settings(
        MATCHME_HOME=tmp_path, MATCHME_CLERK_ISSUER=issuer.url, MATCHME_CLERK_AUTHORIZED_PARTIES=local_key.PARTY
    )
    with pytest.raises(TokenRefusedError):
        token_verifier(production).verify(minted)
    with pytest.raises(ConfigurationError, match="do not count here"):
        local_key.mint(production, MEMBER, 1)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("postgresql://postgres@/app?host=/tmp/socket", True),
        ("postgresql://me@localhost/app", True),
        ("postgresql://me@127.0.0.1:5432/app", True),
        ("postgresql://me@[::1]:5432/app", True),
        ("postgresql://me@db.example.supabase.co:5432/postgres", False),
        ("postgresql://me@10.0.0.4/app", False),
        ("postgresql://me@localhost/app?hostaddr=203.0.113.7", False),
        ("postgresql://me@localhost,db.example/app", False),
        ("postgresql://me@localhost.evil.example/app", False),
        ("postgresql://me@/app?service=elsewhere", False),
        ("postgresql://me@/app", False),
        ("postgresql://me@127.0.0.1.evil.example/app", False),
    ],
)
def test_over_a_database_elsewhere_there_are_no_development_tokens(tmp_path: Path, url: str, allowed: bool):
    found = Settings(MATCHME_HOME=tmp_path, MATCHME_DATABASE_URL=url, MATCHME_DEVELOPMENT_TOKENS="true")
    assert local_key.is_allowed(found) is allowed
    # Nothing is guessed: a database of one's own needs the setting.
    assert not local_key.is_allowed(Settings(MATCHME_HOME=tmp_path, MATCHME_DATABASE_URL=url))
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE"):
        assert not local_key.is_certainly_local(url, {name: "203.0.113.7"})
    if not allowed:
        with pytest.raises(ConfigurationError, match="MATCHME_CLERK_ISSUER is not set"):
            token_verifier(found)


def test_an_issuer_without_authorised_parties_is_refused(issuer: Issuer):
    with pytest.raises(ConfigurationError, match="MATCHME_CLERK_AUTHORIZED_PARTIES"):
        token_verifier(Settings(MATCHME_CLERK_ISSUER=issuer.url))


@pytest.mark.parametrize(
    "issuer_url",
    ["http://localhost.evil.com", "http://127.0.0.1@evil.com", "https://a@evil.com", "http://evil.com", "ftp://x", "https://",
     "https://evil.com\\@clerk.example"],
)  # fmt: skip
def test_an_issuer_that_only_looks_like_one_is_refused(issuer_url: str):
    with pytest.raises(ConfigurationError, match="MATCHME_CLERK_ISSUER"):
        load_settings(None, {"MATCHME_CLERK_ISSUER": issuer_url})


@pytest.mark.parametrize(
    "origins", ["null", "*", "https://*.example", "app.example", "https://a@b.example", "https://a/b"]
)
@pytest.mark.parametrize("name", ["MATCHME_CORS_ORIGINS", "MATCHME_CLERK_AUTHORIZED_PARTIES"])
def test_what_is_no_origin_is_refused(name: str, origins: str):
    with pytest.raises(ConfigurationError, match=name):
        load_settings(None, {name: f"https://app.example, {origins}"})


def test_a_body_that_drips_holds_nobody_for_longer_than_a_fetch_may_take():
    """One byte at a time would begin a client's time limit anew with each."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(300):
                    connection.sendall(b" ")
                    sleep(0.1)

        Thread(target=drip, daemon=True).start()
        keys = JwksKeys(f"http://127.0.0.1:{server.getsockname()[1]}/")
        started = monotonic()
        with pytest.raises(KeysUnavailableError):
            keys.key("any")
        # A tenth of what the body would have taken.
        assert monotonic() - started < 15


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"keys":' * 20_000, b"[]", b"{", b"\xff"])
def test_keys_that_are_no_keys_are_unavailable(body: bytes):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        Thread(target=answer, daemon=True).start()
        with pytest.raises(KeysUnavailableError):
            JwksKeys(f"http://127.0.0.1:{server.getsockname()[1]}/").key("any")
