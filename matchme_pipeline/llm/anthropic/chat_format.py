"""Anthropic's format of messages: a question as a request, and its answer."""

import json
from typing import Any, Literal

from matchme_pipeline.llm.execution.billing import is_amount, token_count
from matchme_pipeline.llm.execution.exchange import Json
from matchme_pipeline.llm.execution.wire_format import ChatAnswer
from matchme_pipeline.llm.prices import Mode, ModelEntry, TokenUsage
from matchme_pipeline.llm.tasks.questions import Task

_ENDS: dict[str, Literal["refused", "cut_off"]] = {
    "refusal": "refused",
    "max_tokens": "cut_off",
    "model_context_window_exceeded": "cut_off",
}


class AnthropicChatFormat:
    """Implements wire_format.ChatFormat for `POST /v1/messages`."""

    def body(self, model: str, entry: ModelEntry, mode: Mode, task: Task, data: Json, output_limit: int) -> Json:  # noqa: ARG002
        """Instructions separate from members' data, and structured output; the instructions may be cached."""
        prompt = task.prompt
        output: Json = {"format": {"type": "json_schema", "schema": prompt.schema}}
        body: Json = {
            "model": model,
            "max_tokens": output_limit,
            "system": [{"type": "text", "text": prompt.instructions, "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": json.dumps(data, ensure_ascii=False)}],
            "output_config": output,
        }
        if entry.temperature:
            body["temperature"] = prompt.settings.temperature
        if entry.reasoning_effort == "none":
            body["thinking"] = {"type": "disabled"}
        elif entry.reasoning_effort is not None:
            output["effort"] = entry.reasoning_effort
        return body

    def answer(self, data: Json | None) -> ChatAnswer | None:
        """The texts of the message's blocks without thoughts. None without a message."""
        blocks = (data or {}).get("content")
        if not isinstance(blocks, list):
            return None
        texts = [_text(block) for block in blocks if isinstance(block, dict)]
        reason = (data or {}).get("stop_reason")
        ending = _ENDS.get(reason) if isinstance(reason, str) else None
        return ChatAnswer("".join(texts), ending or "complete")

    def usage(self, data: Json) -> TokenUsage | None:
        """The tokens in `usage`; `input_tokens` excludes tokens written to or read from the cache."""
        usage = data.get("usage")
        if not isinstance(usage, dict) or not is_amount(usage.get("output_tokens", 0)):
            return None
        counts = [usage.get(f"{kind}input_tokens") or 0 for kind in ("", "cache_read_", "cache_creation_")]
        if "input_tokens" not in usage or not all(is_amount(count) for count in counts):
            return None
        # Split off only plausible cache amounts; the sum stays as reported.
        uncached, read, written = int(counts[0]), token_count(counts[1]), token_count(counts[2])
        return TokenUsage(
            input_tokens=uncached + read + written,
            cached_input_tokens=read,
            cache_write_tokens=written,
            output_tokens=int(usage.get("output_tokens", 0)),
        )

    def billed_mode(self, asked: Mode, data: Json) -> Mode:  # noqa: ARG002
        """The API bills a request in the mode that it was sent in."""
        return asked


def _text(block: dict[str, Any]) -> str:
    text = block.get("text")
    return text if block.get("type") == "text" and isinstance(text, str) else ""
