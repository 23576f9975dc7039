"""Verification of session tokens: signature, algorithm, issuer, times, authorised party. Every request needs it."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHM = "RS256"
# Clocks of two servers differ by this much at most.
LEEWAY_SECONDS = 5
# Clerk's session tokens are well under 2 KiB.
MAX_TOKEN_CHARACTERS = 8_192
_SUBJECT = re.compile(r"[A-Za-z0-9_.:|-]{1,128}")


class TokenRefusedError(Exception):
    """An invalid token; the message says why without repeating the token."""


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be fetched, so no token can be verified."""


@dataclass(frozen=True)
class Identity:
    """The caller of a verified token: the Clerk user id, and when the token ends (seconds since 1970)."""

    user_id: str
    expires_at: int


class Keys(Protocol):
    """A source of public keys."""

    def key(self, kid: str | None) -> RSAPublicKey:
        """The key with the id `kid`. Raises TokenRefusedError for an unknown id, KeysUnavailableError."""


class Verifier(Protocol):
    """Turns a token into an identity."""

    def verify(self, token: str) -> Identity:
        """The identity of `token`. Raises TokenRefusedError, KeysUnavailableError."""


@dataclass(frozen=True)
class TokenVerifier:
    """Verifies tokens of one issuer, signed with one of its keys, issued to one of `authorized_parties` (`azp`)."""

    issuer: str
    authorized_parties: frozenset[str]
    keys: Keys

    def verify(self, token: str) -> Identity:
        """The identity of `token`.

        The algorithm is fixed here and never taken from the token; keys in a token (`jwk`, `jku`, `x5u`) are ignored.
        Raises TokenRefusedError, KeysUnavailableError.
        """
        key = self.keys.key(_key_name(token))
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "nbf", "iat", "iss", "sub"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefusedError("the token has expired") from None
        except jwt.PyJWTError as error:
            raise TokenRefusedError(_reason(error)) from None
        party = claims.get("azp")
        if not isinstance(party, str) or party not in self.authorized_parties:
            raise TokenRefusedError("the token was made for another application (azp)")
        return Identity(_subject(claims), int(claims["exp"]))


def _key_name(token: str) -> str | None:
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise TokenRefusedError("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        raise TokenRefusedError("this is no token") from None
    if header.get("alg") != ALGORITHM:
        raise TokenRefusedError(f"the token is not signed with {ALGORITHM}")
    if "crit" in header:
        raise TokenRefusedError("the token asks for an extension that is not supported (crit)")
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise TokenRefusedError("the token's key id is not a text")
    return kid


def _subject(claims: dict[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise TokenRefusedError("the token's subject is not a member's id")
    return subject


def _reason(error: jwt.PyJWTError) -> str:
    reasons: dict[type[jwt.PyJWTError], str] = {
        jwt.InvalidSignatureError: "the token's signature is wrong",
        jwt.InvalidIssuerError: "the token comes from another issuer",
        jwt.ImmatureSignatureError: "the token is not valid yet",
        jwt.InvalidIssuedAtError: "the token is not valid yet",
        jwt.MissingRequiredClaimError: "the token lacks a claim",
    }
    return reasons.get(type(error), "the token is malformed")
