"""OpenAI's format of chat completions: a question as a request, and its answer."""

import json

from matchme_pipeline.llm.execution.exchange import Json
from matchme_pipeline.llm.execution.wire_format import ChatAnswer
from matchme_pipeline.llm.openai.usage import reported_usage
from matchme_pipeline.llm.prices import Mode, ModelEntry, TokenUsage
from matchme_pipeline.llm.tasks.questions import Task


class OpenAIChatFormat:
    """Implements wire_format.ChatFormat for `POST /v1/chat/completions`."""

    def body(self, model: str, entry: ModelEntry, mode: Mode, task: Task, data: Json, output_limit: int) -> Json:
        """Instructions separate from members' data, structured output, nothing stored at the provider."""
        prompt = task.prompt
        body: Json = {
            "model": model,
            "messages": [
                {"role": "system", "content": prompt.instructions},
                {"role": "user", "content": json.dumps(data, ensure_ascii=False)},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": task.name, "strict": True, "schema": prompt.schema},
            },
            "max_completion_tokens": output_limit,
            "store": False,
        }
        if entry.temperature:
            body["temperature"] = prompt.settings.temperature
        if entry.reasoning_effort is not None:
            body["reasoning_effort"] = entry.reasoning_effort
        if mode == "flex":
            body["service_tier"] = "flex"
        return body

    def answer(self, data: Json | None) -> ChatAnswer | None:
        """The first choice's message; None without one."""
        message = _first_message(data)
        if not message:
            return None
        content, reason = _content(message), (data or {})["choices"][0].get("finish_reason")
        if message.get("refusal") or reason == "content_filter":
            return ChatAnswer(content, "refused")
        return ChatAnswer(content, "cut_off" if reason in ("length", "max_tokens") else "complete")

    def usage(self, data: Json) -> TokenUsage | None:
        """The tokens in the answer's `usage`."""
        return reported_usage(data)

    def billed_mode(self, asked: Mode, data: Json) -> Mode:
        """A server may answer a flex request at its standard tier and report that."""
        tier = data.get("service_tier")
        return "standard" if asked == "flex" and tier in ("default", "standard", "auto") else asked


def _first_message(data: Json | None) -> Json:
    choices = (data or {}).get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return message if isinstance(message, dict) else {}


def _content(message: Json) -> str:
    """The text of a message, or the texts of its parts; empty without any."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""
