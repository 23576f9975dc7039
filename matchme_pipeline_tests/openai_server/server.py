"""The server: starlette over uvicorn in a thread of the test's process."""

import asyncio
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from matchme_pipeline.llm.rehearsal import wire
from matchme_pipeline.llm.rehearsal.wire import tokens
from matchme_pipeline_tests.openai_server import answers, faults
from matchme_pipeline_tests.openai_server.batches import FakeBatches

Serve = Callable[[Request], Awaitable[Response]]


@dataclass
class Billed:
    """What the server would bill."""

    requests: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0


@dataclass
class FakeOpenAI:
    """An OpenAI-compatible server on a free port; use as a context manager.

    `latency_seconds` a call; `fault_rates`: share of calls by fault; `next_faults`: faults of the next calls, in order;
    `models`: ids with their shutdown date.
    """

    latency_seconds: float = 0.0
    fault_rates: dict[str, float] = field(default_factory=dict)
    next_faults: list[str] = field(default_factory=list)
    models: dict[str, Any] = field(default_factory=dict)
    seed: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    # Faults by a word in the request: a post that no model ever answers.
    fault_words: dict[str, str] = field(default_factory=dict)
    most_concurrent: int | None = None
    unsupported_parameters: tuple[str, ...] = ()
    # How a parameter is refused: as OpenAI does, as FastAPI does, or in words alone.
    refusal_style: str = "openai"
    retry_after: str = "0.05"
    # In the place of Retry-After.
    retry_headers: dict[str, str] | None = None
    # Faults of the next requests to "files", "batches" and "models", in order.
    other_faults: dict[str, list[str]] = field(default_factory=dict)
    # How many insights a post gets on average; the prompt allows three.
    insights_a_post: float = 1.0
    tokens_a_byte: float = 0.25
    lists_models: bool = True
    # Whether answers carry x-request-id, and what is done to a chat's answer before it leaves.
    request_ids: bool = True
    change_answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer

    def __post_init__(self) -> None:
        self.batches: Any = FakeBatches(self._batch_answer)
        # What an error is answered with, by fault.
        self.statuses = faults.STATUSES
        self.billed: dict[str, Billed] = {"chat": Billed(), "embeddings": Billed()}
        self.faults_served: Counter[str] = Counter()
        # How often each post got an answer that is worth keeping.
        self.well_answered: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.arrivals: list[tuple[float, int]] = []
        # The client's ports: one a connection.
        self.connections: set[int] = set()
        self.in_flight = 0
        self.peak_in_flight = 0
        self._random = random.Random(self.seed)
        self._prefixes: set[str] = set()
        self._number = 0
        routes = [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/embeddings", self._embeddings, methods=["POST"]),
            Route("/v1/models", self._at_times_faulty("models", self._models), methods=["GET"]),
            *self.batches.routes(self._at_times_faulty),
        ]
        self.app = Starlette(routes=routes)

    def __enter__(self) -> "FakeOpenAI":
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            self.app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        # It ends within a fifth of a second, which no test has to wait for.
        self._server.should_exit = self._server.force_exit = True

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    @property
    def tokens(self) -> tuple[int, int, int]:
        """Input, cached and output tokens billed in all."""
        both = list(self.billed.values())
        return (
            sum(b.input_tokens for b in both),
            sum(b.cached_input_tokens for b in both),
            sum(b.output_tokens for b in both),
        )

    async def _chat(self, request: Request) -> Response:
        return await self._serve(request, "chat")

    async def _embeddings(self, request: Request) -> Response:
        return await self._serve(request, "embeddings")

    def _at_times_faulty(self, area: str, serve: Serve) -> Serve:
        """`serve`, before whose answers the area's faults come."""

        async def faulty(request: Request) -> Response:
            waiting = self.other_faults.get(area)
            if not waiting:
                return await serve(request)
            # The empty fault is an answer.
            fault = waiting.pop(0)
            if not fault:
                return await serve(request)
            self.faults_served[fault] += 1
            if fault in self.statuses:
                return self._error(fault)
            return self._unreadable(fault) or await serve(request)

        return faulty

    async def _models(self, _: Request) -> Response:
        if not self.lists_models:
            return JSONResponse({"detail": "Not Found"}, 404)
        entries = [
            {"id": name, "object": "model", "created": 0, "owned_by": "test", "shutdown_date": day}
            for name, day in self.models.items()
        ]
        return JSONResponse({"object": "list", "data": entries})

    async def _serve(self, request: Request, kind: str) -> Response:
        body = await request.json()
        self.requests.append({"kind": kind, "body": body, "headers": dict(request.headers)})
        if request.client is not None:
            self.connections.add(request.client.port)
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            fault = self._fault(kind, body)
            if fault:
                self.faults_served[fault] += 1
            if fault == "timeout":
                await asyncio.sleep(3600)
            if fault in self.statuses:
                return self._error(fault)
            for name in self.unsupported_parameters:
                if name in body and body[name] != "float" and "json_object" not in str(body[name]):
                    return self._refuses(name)
            if self.latency_seconds:
                await asyncio.sleep(self.latency_seconds)
            if (unreadable := self._unreadable(fault)) is not None:
                return unreadable
            answer = self._chat_answer(body, fault) if kind == "chat" else self._embedding_answer(body, fault)
            self._number += 1
            named = {"x-request-id": f"req_{self._number}"} if self.request_ids else {}
            return Response(
                json.dumps(self.change_answer(answer) if kind == "chat" else answer),
                media_type="application/json",
                headers={**named, **self.headers},
            )
        finally:
            self.in_flight -= 1

    def _fault(self, kind: str, body: dict[str, Any]) -> str:
        text = json.dumps(body.get("messages") or body.get("input"), ensure_ascii=False)
        for word, fault in self.fault_words.items():
            if word in text:
                return fault
        if self.most_concurrent is not None and self.in_flight > self.most_concurrent:
            return "rate_limited"
        if self.next_faults:
            return self.next_faults.pop(0)
        drawn = self._random.random()
        for fault, rate in self.fault_rates.items():
            if kind == "embeddings" and fault not in (*faults.TRANSPORT, *faults.EMBEDDING, *faults.FATAL):
                continue
            if drawn < rate:
                return fault
            drawn -= rate
        return ""

    def _unreadable(self, fault: str) -> Response | None:
        """A 200 that holds no answer."""
        if fault == "html":
            return HTMLResponse("<html><body>Bad gateway</body></html>")
        if fault == "empty_body":
            return Response(b"", media_type="application/json")
        if fault == "half_json":
            return Response(b'{"id": "chatcmpl-1", "choices": [', media_type="application/json")
        if fault == "error_in_200":
            return JSONResponse({"error": {"message": "Provider returned error", "code": 502}, "user_id": "x"})
        if fault == "broken":
            return StreamingResponse(_half(), headers={"content-length": "100000"}, media_type="application/json")
        if fault == "reset":
            return StreamingResponse(_half(), media_type="application/json")
        if fault == "slow_body":
            return StreamingResponse(_trickle(), media_type="application/json")
        return None

    def _refuses(self, name: str) -> Response:
        if self.refusal_style == "fastapi":
            detail = [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}]
            return JSONResponse({"detail": detail}, 422)
        if self.refusal_style == "words":
            return JSONResponse({"error": f"{name} is not supported by this server"}, 400)
        return JSONResponse({"error": {"message": "Unsupported", "code": "unsupported_value", "param": name}}, 400)

    def _error(self, fault: str) -> Response:
        status, code, message = self.statuses[fault]
        told = {"retry-after": self.retry_after} if self.retry_headers is None else self.retry_headers
        headers = told if fault == "rate_limited" else {}
        return JSONResponse({"error": {"message": message, "code": code, "type": code}}, status, headers=headers)

    def _chat_answer(self, body: dict[str, Any], fault: str) -> dict[str, Any]:
        system, user = body["messages"][0]["content"], body["messages"][1]["content"]
        choice = faults.spoil(fault, answers.complete(user, self.insights_a_post))
        input_tokens = wire.prompt_tokens(body, self.tokens_a_byte)
        cached = wire.cached_tokens(system, self._prefixes, body["model"])
        if fault != "no_choices":
            self.well_answered.update(answers.posts_well_answered(user, choice))
        output_tokens = tokens(choice["message"]["content"] or "refused", self.tokens_a_byte)
        self._bill("chat", input_tokens, cached, output_tokens)
        choices = [] if fault == "no_choices" else [choice]
        answer = wire.chat_completion(body, choices, (input_tokens, cached, output_tokens))
        if fault == "no_usage":
            del answer["usage"]
        return answer

    def _embedding_answer(self, body: dict[str, Any], fault: str) -> dict[str, Any]:
        texts = body["input"]
        used = sum(tokens(text, self.tokens_a_byte) for text in texts)
        assert len(texts) <= 2_048
        assert sum(tokens(text) for text in texts) <= 300_000
        assert all(0 < tokens(text) <= 8_192 for text in texts)
        self._bill("embeddings", used, 0, 0)
        if fault == "not_json":
            return {"object": "list", "data": None, "usage": {"prompt_tokens": used, "total_tokens": used}}
        data = [
            {
                "object": "embedding",
                "index": i,
                "embedding": wire.encoded(
                    answers.embedding(text, 768 if fault == "other_length" else body.get("dimensions", 1536)),
                    "float" if fault == "plain_floats" else body.get("encoding_format", "float"),
                ),
            }
            for i, text in enumerate(texts)
        ]
        if fault == "no_index":
            for entry in data:
                del entry["index"]
        else:
            self._random.shuffle(data)
        if fault == "one_vector_missing":
            data.pop()
        usage = {"prompt_tokens": used, "total_tokens": used}
        return {"object": "list", "model": body["model"], "data": data, "usage": usage}

    def _batch_answer(self, endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
        kind = "embeddings" if endpoint == "/v1/embeddings" else "chat"
        fault = self._fault(kind, body)
        if fault:
            self.faults_served[fault] += 1
        return self._embedding_answer(body, fault) if kind == "embeddings" else self._chat_answer(body, fault)

    def _bill(self, kind: str, input_tokens: int, cached: int, output_tokens: int) -> None:
        billed = self.billed[kind]
        billed.requests += 1
        billed.input_tokens += input_tokens
        billed.cached_input_tokens += cached
        billed.output_tokens += output_tokens
        self.arrivals.append((time.monotonic(), input_tokens + output_tokens))


async def _trickle() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.05)


async def _half() -> AsyncIterator[bytes]:
    yield b'{"id": "chatcmpl-1", "choices": ['
    with suppress(Exception):
        await asyncio.sleep(0.01)
    raise ConnectionResetError
