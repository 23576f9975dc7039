"""The dependencies of endpoints: a signed-in member, an administrator, and the record of what administrators did."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from matchme_pipeline.api.identity.tokens import KeysUnavailableError, TokenRefusedError
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import audit
from matchme_pipeline.api.service import Service

_bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="A Clerk session token (RS256), from `getToken()` in the app."
)


@dataclass(frozen=True)
class Caller:
    """A verified member and what they may do."""

    user_id: str
    is_admin: bool


def service(request: Request) -> Service:
    """The process's service."""
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


Shared = Annotated[Service, Depends(service)]


def recognise(shared: Service, token: str) -> Caller:
    """The caller behind `token`; raises ProblemError 401, 429 or 503."""
    try:
        identity = shared.verifier.verify(token)
    except TokenRefusedError as error:
        raise _sign_in(str(error)) from None
    except KeysUnavailableError as error:
        raise ProblemError(503, "keys-unavailable", f"{error}; try again shortly", {"Retry-After": "5"}) from None
    wait = shared.callers.take(identity.user_id)
    if wait > 0:
        detail = f"you have made too many requests; try again in {wait:.0f} seconds"
        raise ProblemError(429, "too-many-requests", detail, {"Retry-After": str(int(wait) + 1)})
    is_admin = shared.is_configured_admin(identity.user_id)
    if not is_admin:
        with shared.connection() as connection:
            is_admin = audit.has_admin_role(connection, identity.user_id)
    return Caller(identity.user_id, is_admin)


def signed_in(shared: Shared, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
    """A member with a valid token in the header Authorization."""
    if credentials is None:
        raise _sign_in("the header Authorization with a Bearer token is missing")
    return recognise(shared, credentials.credentials)


def administrator(request: Request, shared: Shared, caller: Annotated[Caller, Depends(signed_in)]) -> Iterator[Caller]:
    """A caller who is an administrator; what they ask for, or were refused, is recorded with its outcome."""
    yield from recorded(request, shared, caller)


def recorded(request: Request, shared: Service, caller: Caller) -> Iterator[Caller]:
    """Record an administrator's request and how it ended; raises ProblemError 403 for anybody else."""
    route = getattr(request.scope.get("route"), "path", "(none)")
    action = f"{request.method} {route}"
    subject = ", ".join(f"{name}={value}" for name, value in sorted(request.path_params.items()))
    with shared.connection() as connection:
        record = audit.begin(
            connection,
            caller.user_id,
            action,
            subject[: audit.LONGEST_SUBJECT].replace("\x00", ""),
            "asked" if caller.is_admin else "refused",
            request.state.request_id,
        )
    if not caller.is_admin:
        raise ProblemError(403, "administrators-only", "only administrators may do this; it has been recorded")
    try:
        yield caller
    except ProblemError as problem:
        _end(shared, record, f"problem {problem.status} {problem.kind}")
        raise
    except Exception as error:
        _end(shared, record, f"error {type(error).__name__}")
        raise
    _end(shared, record, "done")


def _end(shared: Service, record: int, outcome: str) -> None:
    with shared.connection() as connection:
        audit.end(connection, record, outcome)


def _sign_in(reason: str) -> ProblemError:
    return ProblemError(
        401, "sign-in", f"{reason}; sign in and send your session token", {"WWW-Authenticate": "Bearer"}
    )


Member = Annotated[Caller, Depends(signed_in)]
Admin = Annotated[Caller, Depends(administrator)]
# For endpoints that do not ask which administrator it is.
ADMINISTRATORS = [Depends(administrator)]
