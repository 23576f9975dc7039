"""Every way a request or an answer can go wrong, by name."""

import json
from collections.abc import Callable
from typing import Any

# Answered with an error status, or not at all; nothing is billed.
TRANSPORT = (
    "rate_limited", "rate_limited_bare", "server_error", "overloaded", "timeout", "slow_body", "broken", "reset",
    "html", "empty_body", "half_json", "error_in_200",
)  # fmt: skip
# Those among them that end by the client's patience alone.
ENDLESS = ("timeout", "slow_body")
# Billed, and useless in whole or in part.
ANSWER = (
    "refusal", "content_filter", "cut_off", "not_json", "no_choices", "empty_content", "missing_fields",
    "too_long_fields", "out_of_range", "unknown_post", "ungrounded", "leaves_one_out", "duplicates",
)  # fmt: skip
# Nothing will ever help.
FATAL = (
    "unauthorized", "forbidden", "unknown_model", "unknown_model_400", "quota_exhausted", "billing_limit",
    "payment_required",
)  # fmt: skip
EMBEDDING = ("one_vector_missing", "not_json", "other_length", "plain_floats", "no_index")
# Not faulty, but not what OpenAI's own server does.
UNUSUAL = ("fenced", "no_usage", "empty_list")

STATUSES: dict[str, tuple[int, str, str]] = {
    "rate_limited": (429, "rate_limit_exceeded", "Rate limit reached"),
    "rate_limited_bare": (429, "resource_unavailable", "No resources"),
    "server_error": (500, "server_error", "The server had an error"),
    "overloaded": (503, "overloaded", "Overloaded"),
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided: sk-secret-of-the-test"),
    "forbidden": (403, "forbidden", "Not allowed"),
    "unknown_model": (404, "model_not_found", "The model does not exist"),
    "unknown_model_400": (400, "model_not_found", "The requested model 'x' does not exist."),
    "quota_exhausted": (429, "insufficient_quota", "You exceeded your current quota"),
    "billing_limit": (429, "billing_hard_limit_reached", "Billing hard limit has been reached"),
    "payment_required": (402, "", "Pay first"),
    "larger_than_a_minute": (429, "rate_limit_exceeded", "Request too large for gpt-x: Limit 9, Requested 43"),
    "context_too_long": (400, "context_length_exceeded", "This model's maximum context length is 100 tokens"),
}


def spoil(fault: str, answer: dict[str, Any]) -> dict[str, Any]:
    """A chat choice that carries `answer` with `fault` in it."""
    message: dict[str, Any] = {"role": "assistant", "content": json.dumps(answer, ensure_ascii=False), "refusal": None}
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": message}
    if fault == "refusal":
        message |= {"content": None, "refusal": "I can't help with that."}
    elif fault == "content_filter":
        choice["finish_reason"] = "content_filter"
    elif fault == "cut_off":
        message["content"] = message["content"][: len(message["content"]) // 2]
        choice["finish_reason"] = "length"
    elif fault == "not_json":
        message["content"] = "Here are the insights: " + message["content"]
    elif fault == "fenced":
        message["content"] = f"```json\n{message['content']}\n```"
    elif fault == "empty_list":
        message["content"] = json.dumps({name: [] for name in answer})
    elif fault == "empty_content":
        message["content"] = ""
    elif fault in _SPOILED:
        entries = next(iter(answer.values()))
        _SPOILED[fault](entries)
        message["content"] = json.dumps(answer, ensure_ascii=False)
    return choice


def _each(change: Callable[[dict[str, Any]], None]) -> Callable[[list[dict[str, Any]]], None]:
    def apply(entries: list[dict[str, Any]]) -> None:
        for entry in entries[::2]:
            change(entry)

    return apply


def _without(entry: dict[str, Any]) -> None:
    entry.pop("title", None)
    entry.pop("level_1", None)
    entry.pop("fit", None)


def _long(entry: dict[str, Any]) -> None:
    entry["title"] = "long " * 100
    if "level_1" in entry:
        entry["level_1"] = ["long " * 200] * 2


def _wild(entry: dict[str, Any]) -> None:
    entry["confidence"] = 900
    if "fit" in entry:
        entry["fit"] = 900
    if "level_2" in entry:
        entry["level_2"] = []


def _elsewhere(entry: dict[str, Any]) -> None:
    entry["post_id" if "post_id" in entry else "pair_id"] = "p999"


def _invented(entry: dict[str, Any]) -> None:
    entry["source_quote"] = "I never wrote a word of this"


_SPOILED: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "missing_fields": _each(_without),
    "too_long_fields": _each(_long),
    "out_of_range": _each(_wild),
    "unknown_post": _each(_elsewhere),
    "ungrounded": _each(_invented),
    "leaves_one_out": lambda entries: entries.pop() and None if len(entries) > 1 else None,
    "duplicates": lambda entries: entries.extend([dict(e) for e in entries]),
}
