"""The page's session: a secret cookie that scripts and other sites cannot use, and a key in each form.

A Clerk session token is valid for a minute. It opens a session of the page, which ends after some hours or at sign-out.
Every request checks again whether its owner is an administrator.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request, Response

from matchme_pipeline.api.callers import Caller, Shared, known_caller, recognise, recorded
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import page_sessions
from matchme_pipeline.api.service import Service

SESSION_SECONDS = 4 * 3_600


def open_session(shared: Service, request: Request, response: Response, token: str) -> None:
    """Start a session for the administrator of the token. Raises ProblemError for other callers."""
    if cookie_is_secure(shared, request) and request.url.scheme != "https":
        raise ProblemError(403, "insecure", "sign in over https; behind a proxy, let it send X-Forwarded-Proto")
    caller = recognise(shared, token)
    for _ in recorded(request, shared, caller):
        secret = secrets.token_urlsafe(32)
        with shared.connection() as connection:
            page_sessions.begin(connection, _hash(secret), caller.user_id, SESSION_SECONDS)
    response.set_cookie(
        cookie_name(shared, request),
        secret,
        max_age=SESSION_SECONDS,
        httponly=True,
        secure=cookie_is_secure(shared, request),
        samesite="strict",
        path="/",
    )


def end_session(shared: Service, request: Request, response: Response) -> None:
    """End the session, here and in the browser."""
    with shared.connection() as connection:
        page_sessions.end(connection, _hash(secret_of(shared, request)))
    secure = cookie_is_secure(shared, request)
    response.delete_cookie(cookie_name(shared, request), path="/", httponly=True, secure=secure, samesite="strict")


def cookie_is_secure(shared: Service, request: Request) -> bool:
    """Whether the cookie travels over https alone: everywhere but on a development machine."""
    return shared.settings.clerk_issuer is not None or request.url.scheme == "https"


def cookie_name(shared: Service, request: Request) -> str:
    """The cookie's name; its prefix prevents other hosts of the same domain from setting it."""
    return "__Host-matchme" if cookie_is_secure(shared, request) else "matchme"


def secret_of(shared: Service, request: Request) -> str:
    """The secret in the request's cookie; empty if there is none."""
    return request.cookies.get(cookie_name(shared, request), "")


def form_key(secret: str) -> str:
    """The key of the session's forms: only a page that was rendered for this session contains it."""
    return hmac.new(secret.encode(), b"matchme operations page", hashlib.sha256).hexdigest()


def viewer(shared: Service, request: Request) -> Caller | None:
    """The viewer of the page; None if they have to sign in. Raises ProblemError 429."""
    secret = secret_of(shared, request)
    if not secret:
        return None
    with shared.connection() as connection:
        user_id = page_sessions.user(connection, _hash(secret))
    return known_caller(shared, user_id) if user_id else None


def own_form(request: Request) -> None:
    """Refuse a form from another site. Browsers send a form's origin, and pages cannot change it."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.url.netloc:
        raise _foreign_form()
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _foreign_form()


def acting_administrator(
    request: Request, shared: Shared, key: Annotated[str, Form(alias="form_key", max_length=64)]
) -> Iterator[Caller]:
    """The administrator who pressed a button on the page."""
    caller = viewer(shared, request)
    if caller is None:
        raise ProblemError(401, "sign-in", "sign in on the page first")
    if not hmac.compare_digest(key.encode(), form_key(secret_of(shared, request)).encode()):
        raise _foreign_form()
    yield from recorded(request, shared, caller)


def _foreign_form() -> ProblemError:
    return ProblemError(403, "foreign-form", "this form does not belong to your session; reload the page and try again")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


OWN_FORM = [Depends(own_form)]
ActingAdmin = Annotated[Caller, Depends(acting_administrator)]
ACTING_ADMINISTRATORS = [Depends(own_form), Depends(acting_administrator)]
