"""Whatever a server writes: it is sorted into what helps, nothing of it is shown, and nothing stumbles over it."""

import json
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.contracts import ItemToAnalyse
from matchme_pipeline.llm.execution.answer_outcome import evaluate_answer
from matchme_pipeline.llm.execution.billing import billed_usage
from matchme_pipeline.llm.execution.exchange import RefusedRequestError, RetryableError, UnsupportedParameterError
from matchme_pipeline.llm.execution.rate_headers import allowances, seconds_to_wait
from matchme_pipeline.llm.openai.chat_format import OpenAIChatFormat
from matchme_pipeline.llm.openai.embedding_format import OpenAIEmbeddingFormat
from matchme_pipeline.llm.openai.error_mapping import failure_in_success, failure_of
from matchme_pipeline.llm.tasks.prompt_files import load_prompt
from matchme_pipeline.llm.tasks.questions import InsightsTask

NOW = datetime(2026, 1, 11, 2, tzinfo=UTC)
SECRET = "sk-secret-of-the-test"
SENT = ("temperature", "encoding_format", "store")
words = st.sampled_from(
    [SECRET, "temperature", "unsupported_value", "insufficient_quota", "model_not_found", "invalid"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["error", "code", "type", "param", "message", "detail", "loc", "msg", "choices", "data", "usage", "index",
             "prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens", "finish_reason", "content",
             "refusal", "embedding", "text"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=14,
)  # fmt: skip
answers = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(st.fixed_dictionaries({"message": values, "finish_reason": values}), max_size=2) | values,
        "usage": values,
        "error": values,
        "data": st.lists(st.fixed_dictionaries({"index": st.integers(-1, 3), "embedding": values}), max_size=3)
        | values,
    },
)


@given(st.integers(400, 599), values.map(json.dumps) | st.text(max_size=40))
def test_every_error_is_sorted_and_none_shows_what_the_server_wrote(status, body):
    error = failure_of(status, body.encode("utf-8", "replace"), {}, "a-model", NOW, SENT)
    assert isinstance(error, ModelRequestError | RetryableError | RefusedRequestError | UnsupportedParameterError)
    if not isinstance(error, UnsupportedParameterError):
        assert SECRET not in str(error)
    if status >= 500 and isinstance(error, ModelRequestError):
        assert "insufficient_quota" in body or "model_not_found" in body


@given(answers)
def test_no_answer_makes_anything_stumble(answer):
    task = InsightsTask(load_prompt("insights"))
    asked = {"p1": task.question(ItemToAnalyse("m", "h", "I love hiking."), "a-model", "")}
    chat_format = OpenAIChatFormat()
    written = chat_format.answer(answer)
    outcome = evaluate_answer(written, task, asked)
    assert outcome.word in (
        "ok",
        "partial",
        "unusable",
        "unreadable",
        "refused",
        "cut_off",
    )
    usage, _ = billed_usage(chat_format.usage(answer), written.content if written else "", 400)
    assert 0 <= usage.cached_input_tokens <= usage.input_tokens < 2**31
    assert 0 <= usage.output_tokens < 2**31
    for place, vector in OpenAIEmbeddingFormat().vectors(answer, 2).items():
        assert place in (0, 1)
        assert np.isfinite(vector).all()
    error = failure_in_success(answer, "a-model", NOW)
    assert error is None or answer.get("error")


@given(
    st.dictionaries(
        st.sampled_from(
            ["retry-after", "retry-after-ms", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
             "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", "ratelimit-remaining", "ratelimit-reset"]
        ),
        st.text(max_size=12) | st.floats().map(str) | st.integers().map(str) | st.sampled_from(["1s", "6m0s", "20ms"]),
    )
)  # fmt: skip
def test_whatever_the_headers_say_nobody_waits_for_ever(headers):
    waiting = seconds_to_wait(headers, NOW)
    assert waiting is None or 0 <= waiting <= 300
    assert all(0 <= seconds <= 300 for _, seconds in allowances(headers, NOW).values())
