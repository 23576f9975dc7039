"""Restricts Dagster's UI to this machine: a check in front of Dagster's webserver, which has no sign-in.

A foreign web page can resolve its own name to 127.0.0.1 (DNS rebinding) or send cross-origin requests. Dagster's
webserver answers both. With this check, a request must name this machine as its host and come from Dagster's own pages.
"""

import sys
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
_REFUSED = (
    "Dagster's UI answers its own pages on this machine alone: {reason}. Open it as http://127.0.0.1:PORT; "
    "from another machine, through an SSH tunnel.\n"
)


class LocalCallers:
    """Refuses requests whose Host is not this machine, and requests from pages of another origin."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to a foreign request, and pass others on."""
        reason = None if scope["type"] == "lifespan" else foreign_reason(scope)
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "foreign host or origin"})
        else:
            await PlainTextResponse(_REFUSED.format(reason=reason), 403)(scope, receive, send)


def foreign_reason(scope: Scope) -> str | None:
    """Why a request does not come from Dagster's own pages on this machine; None if it does."""
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _is_local(hosts[0]):
        return "the header Host names another machine"
    origins = headers.getlist("origin")
    if any(origin.lower() not in (f"http://{hosts[0].lower()}", f"https://{hosts[0].lower()}") for origin in origins):
        return "the header Origin names another site"
    # A browser sends no Origin with an image, a script or a link; it sends this header instead. Links to the UI are
    # allowed.
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        is_link = scope.get("method") == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if not is_link or "graphql" in scope["path"].lower():
            return "another site sends the request"
    return None


def _is_local(host: str) -> bool:
    """Does the header name this machine, with or without a port, and nothing else?"""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return name in _LOCAL_NAMES and parts.netloc == host and "@" not in host and not host.endswith(":")


def main() -> None:
    """Run Dagster's webserver with its own arguments behind the check."""
    # Names that Dagster does not export to type checkers.
    cli: Any = import_module("dagster_webserver.cli")
    unguarded = cli.create_app_from_workspace_process_context

    def guarded(*arguments: Any, **options: Any) -> Any:
        app = unguarded(*arguments, **options)
        app.add_middleware(LocalCallers)
        return app

    # Dagster has no setting for this. The versions that have this name are pinned, and a test asks the server itself.
    cli.create_app_from_workspace_process_context = guarded
    sys.exit(cli.cli(auto_envvar_prefix="DAGSTER_WEBSERVER"))


if __name__ == "__main__":
    main()
