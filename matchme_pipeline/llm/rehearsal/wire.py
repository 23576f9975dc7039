"""OpenAI's protocol from the server's side: answers, usage, errors and vectors."""

import base64
import json
import math
from typing import Any

import numpy as np

Json = dict[str, Any]

# Prompt caching starts at prefixes of this length, and counts in steps.
CACHED_PREFIX_TOKENS, CACHE_STEP_TOKENS = 1_024, 128


def tokens(text: str, tokens_a_byte: float = 0.25) -> int:
    """Tokens as the server counts them: by the text's UTF-8 bytes."""
    return math.ceil(len(text.encode()) * tokens_a_byte)


def prompt_tokens(body: Json, tokens_a_byte: float = 0.25) -> int:
    """The input tokens of a chat request: instructions, schema and user message."""
    system, user = body["messages"][0]["content"], body["messages"][1]["content"]
    return tokens(system + json.dumps(body.get("response_format")) + user, tokens_a_byte)


def cached_tokens(system: str, prefixes: set[str], model: str) -> int:
    """The input tokens that an earlier request with the same model and instructions has put into the cache."""
    known, length = system + model in prefixes, tokens(system)
    prefixes.add(system + model)
    return length // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS if known and length >= CACHED_PREFIX_TOKENS else 0


def chat_completion(body: Json, choices: list[Json], usage: tuple[int, int, int]) -> Json:
    """The answer to a chat request; `usage` is input, cached and output tokens."""
    given, cached, output = usage
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "service_tier": body.get("service_tier", "default"),
        "choices": choices,
        "usage": {
            "prompt_tokens": given,
            "completion_tokens": output,
            "total_tokens": given + output,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }


def choice(content: Json) -> Json:
    """One complete choice of a chat's answer."""
    message = {"role": "assistant", "content": json.dumps(content, ensure_ascii=False), "refusal": None}
    return {"index": 0, "finish_reason": "stop", "message": message}


def encoded(vector: Any, encoding: str) -> Any:
    """A vector as the API sends it."""
    floats = np.asarray(vector, dtype="<f4")
    return base64.b64encode(floats.tobytes()).decode() if encoding == "base64" else floats.tolist()


def error(message: str, code: str) -> Json:
    """The body of an error."""
    return {"error": {"message": message, "code": code, "type": code, "param": None}}
