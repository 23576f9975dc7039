"""The dependencies of endpoints: a signed-in member, an administrator, and the audit of administrators' actions."""

import hmac
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import psycopg
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import PoolTimeout

from matchme_pipeline.api.identity.tokens import KeysUnavailableError, TokenRefusedError
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import audit
from matchme_pipeline.api.service import Service

_log = logging.getLogger(__name__)
_bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="A Clerk session token (RS256), from `getToken()` in the app."
)


@dataclass(frozen=True)
class Caller:
    """A verified member and their permissions."""

    user_id: str
    is_admin: bool


async def service(request: Request) -> Service:
    """The process's service."""
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


Shared = Annotated[Service, Depends(service)]


def recognise(shared: Service, token: str) -> Caller:
    """The member of `token`; raises ProblemError 401, 429 or 503."""
    try:
        identity = shared.verifier.verify(token)
    except TokenRefusedError as error:
        raise _sign_in(str(error)) from None
    except KeysUnavailableError as error:
        raise ProblemError(503, "keys-unavailable", f"{error}; try again shortly", {"Retry-After": "5"}) from None
    return known_caller(shared, identity.user_id)


def known_caller(shared: Service, user_id: str) -> Caller:
    """The current permissions of an identified member; raises ProblemError 429."""
    wait = shared.callers.take(user_id)
    if wait > 0:
        detail = f"you have made too many requests; try again in {wait:.0f} seconds"
        raise ProblemError(429, "too-many-requests", detail, {"Retry-After": str(int(wait) + 1)})
    is_admin = shared.is_configured_admin(user_id)
    if not is_admin:
        with shared.connection() as connection:
            is_admin = audit.has_admin_role(connection, user_id)
    return Caller(user_id, is_admin)


def signed_in(shared: Shared, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
    """A member with a valid token in the header Authorization."""
    if credentials is None:
        raise _sign_in("the header Authorization with a Bearer token is missing")
    return recognise(shared, credentials.credentials)


def administrator(request: Request, shared: Shared, caller: Annotated[Caller, Depends(signed_in)]) -> Iterator[Caller]:
    """A caller who is an administrator; the audit records the request and its outcome, also of a refused one."""
    yield from recorded(request, shared, caller)


def recorded(request: Request, shared: Service, caller: Caller) -> Iterator[Caller]:
    """Record an administrator's request and its outcome; raises ProblemError 403 for other callers."""
    record = _begin(request, shared, caller, "asked" if caller.is_admin else "refused")
    if not caller.is_admin:
        raise ProblemError(403, "administrators-only", "only administrators may do this; it has been recorded")
    try:
        yield caller
    except ProblemError as problem:
        _end(request, shared, record, f"problem {problem.status} {problem.kind}")
        raise
    except Exception as error:
        _end(request, shared, record, f"error {type(error).__name__}")
        raise
    _end(request, shared, record, "done")


def scraper(
    request: Request, shared: Shared, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Iterator[None]:
    """Prometheus with its own token, MATCHME_METRICS_TOKEN, or an administrator."""
    token = shared.settings.metrics_token
    given = credentials.credentials if credentials else ""
    if token is not None and hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
        yield
        return
    for _ in recorded(request, shared, signed_in(shared, credentials)):
        yield


def record_reading(request: Request, shared: Service, caller: Caller) -> None:
    """Record that an administrator reads another member's data."""
    _begin(request, shared, caller, "read")


def name_subject(request: Request, subject: str) -> None:
    """Add the subject of the request to the audit, if the path does not name it."""
    request.state.audit_subject = subject


def _begin(request: Request, shared: Service, caller: Caller, outcome: str) -> int:
    route = getattr(request.scope.get("route"), "path", "(none)")
    in_path = ", ".join(f"{name}={value}" for name, value in sorted(request.path_params.items()))
    subject = getattr(request.state, "audit_subject", in_path)
    with shared.connection() as connection:
        return audit.begin(
            connection,
            caller.user_id,
            f"{request.method} {route}",
            _storable(subject),
            outcome,
            request.state.request_id,
        )


def _end(request: Request, shared: Service, record: int, outcome: str) -> None:
    subject = getattr(request.state, "audit_subject", None)
    try:
        with shared.connection() as connection:
            audit.end(connection, record, outcome, _storable(subject) if subject else None)
    except (psycopg.Error, PoolTimeout) as error:
        # The answer is already being sent; the audit contains the request.
        _log.error("request %s: its end is not in the audit: %s", request.state.request_id, type(error).__name__)


def _storable(subject: str) -> str:
    return subject[: audit.MAX_SUBJECT].replace("\x00", "")


def _sign_in(reason: str) -> ProblemError:
    return ProblemError(
        401, "sign-in", f"{reason}; sign in and send your session token", {"WWW-Authenticate": "Bearer"}
    )


Member = Annotated[Caller, Depends(signed_in)]
Admin = Annotated[Caller, Depends(administrator)]
# For endpoints that do not need the administrator's identity.
ADMINISTRATORS = [Depends(administrator)]
SCRAPERS = [Depends(scraper)]
