"""The server: what OpenAI's fake does with another protocol's requests, answers and errors."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from matchme_pipeline.llm.rehearsal.wire import CACHED_PREFIX_TOKENS, tokens
from matchme_pipeline_tests.anthropic_server import faults
from matchme_pipeline_tests.anthropic_server.batches import FakeMessageBatches
from matchme_pipeline_tests.openai_server import answers
from matchme_pipeline_tests.openai_server import faults as shared_faults
from matchme_pipeline_tests.openai_server.server import FakeOpenAI

# How this protocol names what a chat completion names otherwise.
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
_SHARED_FAULT = {"refused_without_content": "refusal", "context_full": "cut_off", "no_content": ""}


@dataclass
class FakeAnthropic(FakeOpenAI):
    """A server on a free port that answers `POST /v1/messages` and message batches; use as a context manager."""

    # The ids of blocks before the answer's text, as thinking models send them.
    thoughts: bool = True
    # What a cached prefix would be; none of our instructions is so long.
    cached_prefix_tokens: int = CACHED_PREFIX_TOKENS

    def __post_init__(self) -> None:
        super().__post_init__()
        self.statuses = faults.STATUSES
        self.cache_written = 0
        self.batches: Any = FakeMessageBatches(self._batched, lambda: self.url)
        routes = [
            Route("/v1/messages", self._chat, methods=["POST"]),
            Route("/v1/models", self._at_times_faulty("models", self._models), methods=["GET"]),
            *self.batches.routes(self._at_times_faulty),
        ]
        self.app = Starlette(routes=routes)

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return super().url.removesuffix("/v1")

    async def _models(self, _: Request) -> Response:
        if not self.lists_models:
            return JSONResponse({"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}, 404)
        day = "2026-01-01T00:00:00Z"
        entries = [
            {"id": name, "type": "model", "display_name": name, "created_at": day, "lifecycle": "active",
             "retires_at": f"{retires}T00:00:00Z" if retires else None}
            for name, retires in self.models.items()
        ]  # fmt: skip
        return JSONResponse({"data": entries, "has_more": False, "first_id": None, "last_id": None})

    def _unreadable(self, fault: str) -> Response | None:
        if fault == "error_in_200":
            return JSONResponse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
        return super()._unreadable(fault)

    def _refuses(self, name: str) -> Response:
        said = {
            "openai": f"`{name}` is deprecated for this model.",
            "fastapi": f"{name}: Extra inputs are not permitted",
            "words": f"This model does not support {'the effort parameter' if name == 'output_config' else name}.",
        }[self.refusal_style]
        return JSONResponse({"type": "error", "error": {"type": "invalid_request_error", "message": said}}, 400)

    def _error(self, fault: str) -> Response:
        status, kind, message = self.statuses[fault]
        told = {"retry-after": self.retry_after} if self.retry_headers is None else self.retry_headers
        headers = told if fault == "rate_limited" else {}
        return JSONResponse({"type": "error", "error": {"type": kind, "message": message}}, status, headers=headers)

    def _chat_answer(self, body: dict[str, Any], fault: str) -> dict[str, Any]:
        system = "".join(block["text"] for block in body["system"])
        user = body["messages"][0]["content"]
        choice = shared_faults.spoil(_SHARED_FAULT.get(fault, fault), answers.complete(user, self.insights_a_post))
        text = choice["message"]["content"] or ("" if fault == "refused_without_content" else "I can't help with that.")
        sent = tokens(system + json.dumps(body.get("output_config")) + user, self.tokens_a_byte)
        prefix = tokens(system) if tokens(system) >= self.cached_prefix_tokens else 0
        read = prefix if system in self._prefixes else 0
        written = prefix - read
        self._prefixes.add(system)
        if fault != "no_content":
            self.well_answered.update(answers.posts_well_answered(user, choice))
        output = tokens(text or "refused", self.tokens_a_byte)
        self._bill("chat", sent, read, output)
        self.cache_written += written
        reason = _STOP_REASONS[choice["finish_reason"]]
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text}] if text or fault == "empty_content" else []
        if self.thoughts and body.get("thinking") is None:
            blocks.insert(0, {"type": "thinking", "thinking": "Hm {", "signature": "x"})
        answer: dict[str, Any] = {
            "id": f"msg_{self._number}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": None if fault == "no_content" else blocks,
            "stop_reason": {"refusal": "refusal", "refused_without_content": "refusal",
                            "context_full": "model_context_window_exceeded"}.get(fault, reason),
            "stop_sequence": None,
            "usage": {
                "input_tokens": sent - read - written,
                "cache_read_input_tokens": read,
                "cache_creation_input_tokens": written,
                "output_tokens": output,
                "service_tier": "standard",
            },
        }  # fmt: skip
        if fault == "no_usage":
            del answer["usage"]
        return answer

    def _batched(self, params: dict[str, Any]) -> dict[str, Any]:
        fault = self._fault("chat", params)
        if fault:
            self.faults_served[fault] += 1
        return self._chat_answer(params, fault)
