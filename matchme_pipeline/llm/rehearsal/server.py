"""The rehearsal's server: OpenAI's protocol on this machine only, answered by the offline models.

`process.ensure_running` starts it; it stops itself after a time without requests.
"""

import asyncio
import os
import socket
import sys
import time
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from matchme_pipeline.llm.rehearsal import answers, wire
from matchme_pipeline.llm.rehearsal.batches import Batches
from matchme_pipeline.llm.rehearsal.wire import Json

IDLE_SECONDS = 1_800
# The file under MATCHME_HOME with the server's address.
ADDRESS_FILE = "rehearsal.address"


@dataclass(frozen=True)
class Pace:
    """How the server behaves: seconds before an answer and for a thousand of its tokens, and limits a minute."""

    latency_seconds: float = 0.3
    seconds_a_thousand_tokens: float = 2.0
    requests_per_minute: int = 5_000
    tokens_per_minute: int = 4_000_000
    batch_seconds: float = 60.0


class RehearsalServer:
    """The application and its state: cached prefixes, the last minute's requests, batches."""

    def __init__(self, pace: Pace, models: tuple[str, ...]) -> None:
        self.pace = pace
        self.last_asked = time.monotonic()
        self._models = models
        self._prefixes: set[str] = set()
        self._minute: deque[tuple[float, int]] = deque()
        self._number = 0
        self.app = Starlette(
            routes=[
                Route("/health", self._health, methods=["GET"]),
                Route("/v1/models", self._list_models, methods=["GET"]),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/embeddings", self._embeddings, methods=["POST"]),
                *Batches(self._answer, pace.batch_seconds).routes(),
            ]
        )

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"rehearsal": True, "pid": os.getpid()})

    async def _list_models(self, _: Request) -> Response:
        entries = [{"id": name, "object": "model", "created": 0, "owned_by": "rehearsal"} for name in self._models]
        return JSONResponse({"object": "list", "data": entries})

    async def _chat(self, request: Request) -> Response:
        return await self._serve("/v1/chat/completions", await request.json())

    async def _embeddings(self, request: Request) -> Response:
        return await self._serve("/v1/embeddings", await request.json())

    async def _serve(self, path: str, body: Json) -> Response:
        self.last_asked = time.monotonic()
        if body.get("model") not in self._models:
            return JSONResponse(wire.error(f"The model {body.get('model')} does not exist", "model_not_found"), 404)
        needed = wire.prompt_tokens(body) if "messages" in body else sum(map(wire.tokens, body["input"]))
        if (wait := self._seconds_to_wait(needed)) > 0:
            headers = {"retry-after": f"{wait:.2f}", **self._limits()}
            return JSONResponse(wire.error("Rate limit reached", "rate_limit_exceeded"), 429, headers=headers)
        self._minute.append((time.monotonic(), needed))
        try:
            # Computing an answer uses the processor; other requests are accepted meanwhile.
            answer = await asyncio.to_thread(self._answer, path, body)
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse(wire.error(f"The request cannot be read: {error}", "invalid_request_error"), 400)
        output = answer["usage"].get("completion_tokens", 0)
        await asyncio.sleep(self.pace.latency_seconds + output / 1_000 * self.pace.seconds_a_thousand_tokens)
        self._number += 1
        return JSONResponse(answer, headers={"x-request-id": f"rehearsal_{self._number}", **self._limits()})

    def _answer(self, path: str, body: Json) -> Json:
        if path == "/v1/embeddings":
            texts = body["input"]
            encoding = body.get("encoding_format", "float")
            data = [
                {"object": "embedding", "index": number, "embedding": wire.encoded(vector, encoding)}
                for number, vector in enumerate(answers.vectors(texts))
            ]
            used = sum(map(wire.tokens, texts))
            usage = {"prompt_tokens": used, "total_tokens": used}
            return {"object": "list", "model": body["model"], "data": data, "usage": usage}
        system, user = body["messages"][0]["content"], body["messages"][1]["content"]
        choice = wire.choice(answers.complete(user))
        cached = wire.cached_tokens(system, self._prefixes, body["model"])
        usage_of = (wire.prompt_tokens(body), cached, wire.tokens(choice["message"]["content"]))
        return wire.chat_completion(body, [choice], usage_of)

    def _seconds_to_wait(self, needed: int) -> float:
        """Seconds until the last minute has room for one more request of this many tokens."""
        now = time.monotonic()
        while self._minute and self._minute[0][0] <= now - 60:
            self._minute.popleft()
        used = sum(tokens for _, tokens in self._minute)
        full = len(self._minute) >= self.pace.requests_per_minute
        full = full or (bool(self._minute) and used + needed > self.pace.tokens_per_minute)
        return self._minute[0][0] + 60 - now if full else 0.0

    def _limits(self) -> dict[str, str]:
        used = sum(tokens for _, tokens in self._minute)
        return {
            "x-ratelimit-limit-requests": str(self.pace.requests_per_minute),
            "x-ratelimit-remaining-requests": str(max(0, self.pace.requests_per_minute - len(self._minute))),
            "x-ratelimit-limit-tokens": str(self.pace.tokens_per_minute),
            "x-ratelimit-remaining-tokens": str(max(0, self.pace.tokens_per_minute - used)),
        }


def main(home: Path) -> None:
    """Serve on a free port of this machine and write it to the address file; stops when idle."""
    from matchme_pipeline.llm.prices import load_prices
    from matchme_pipeline.settings import process_settings

    settings = process_settings()
    pace = Pace(
        settings.rehearsal_latency_seconds,
        requests_per_minute=settings.rehearsal_requests_per_minute,
        batch_seconds=settings.rehearsal_batch_seconds,
    )
    prices = load_prices(settings.prices_file)
    models = tuple(name for name, entry in prices.models.items() if entry.provider == "rehearsal")
    service = RehearsalServer(pace, models)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(_ending(service), log_level="critical", access_log=False))
    service.app.state.server = server
    partial = home / f"{ADDRESS_FILE}.{os.getpid()}"
    partial.write_text(f"http://127.0.0.1:{listener.getsockname()[1]}", "utf-8")
    partial.replace(home / ADDRESS_FILE)
    server.run(sockets=[listener])


def _ending(service: RehearsalServer) -> Any:
    """The application, which stops its server after a time without requests."""

    async def watch() -> None:
        while time.monotonic() - service.last_asked < IDLE_SECONDS:
            await asyncio.sleep(10)
        service.app.state.server.should_exit = True

    @asynccontextmanager
    async def lifespan(_: Any) -> Any:
        watcher = asyncio.create_task(watch())
        yield
        watcher.cancel()

    service.app.router.lifespan_context = lifespan
    return service.app


if __name__ == "__main__":
    main(Path(sys.argv[1]))
