"""The page's session: the token in a cookie that scripts and other sites cannot use, and what each form must bring."""

import hashlib
import hmac
from collections.abc import Iterator
from time import time
from typing import Annotated

from fastapi import Depends, Form, Request, Response

from matchme_pipeline.api.identity.callers import Caller, Shared, recognise, recorded
from matchme_pipeline.api.identity.tokens import TokenRefusedError
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.service import Service

COOKIE = "matchme_session"


def open_session(shared: Service, request: Request, response: Response, token: str) -> None:
    """Keep a valid token in the cookie until it ends. Raises TokenRefusedError."""
    identity = shared.verifier.verify(token)
    response.set_cookie(
        COOKIE,
        token,
        max_age=max(1, identity.expires_at - int(time())),
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="strict",
        path="/",
    )


def form_key(token: str) -> str:
    """What a form must bring: only a page that was rendered for this very token knows it."""
    return hmac.new(token.encode(), b"matchme operations page", hashlib.sha256).hexdigest()


def page_administrator(request: Request, shared: Shared) -> Iterator[Caller]:
    """The administrator whose cookie this is."""
    token = request.cookies.get(COOKIE)
    if token is None:
        raise ProblemError(401, "sign-in", "sign in on the page first")
    yield from recorded(request, shared, recognise(shared, token))


def acting_administrator(
    request: Request, shared: Shared, key: Annotated[str, Form(alias="form_key", max_length=64)]
) -> Iterator[Caller]:
    """The administrator who pressed a button on a page of ours."""
    if not hmac.compare_digest(key.encode(), form_key(request.cookies.get(COOKIE, "")).encode()):
        raise ProblemError(403, "foreign-form", "this form does not come from your page; reload it and press again")
    yield from page_administrator(request, shared)


def viewer(shared: Service, request: Request) -> Caller | None:
    """Who looks at the page; None for somebody who has to sign in."""
    token = request.cookies.get(COOKIE)
    if token is None:
        return None
    try:
        shared.verifier.verify(token)
    except TokenRefusedError:
        return None
    return recognise(shared, token)


ActingAdmin = Annotated[Caller, Depends(acting_administrator)]
ACTING_ADMINISTRATORS = [Depends(acting_administrator)]
