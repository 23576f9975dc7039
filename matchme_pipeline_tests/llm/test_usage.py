"""Figures of usage that cannot be are replaced by an estimate, so that the budget holds against any server."""

import math

import pytest

from matchme_pipeline.llm.execution.billing import billed_usage
from matchme_pipeline.llm.openai.usage import reported_usage

WRITTEN = "a long answer of a model " * 40
REQUEST_BYTES = 8_000


def billed(usage: object) -> tuple[int, int, bool]:
    found, reported = billed_usage(reported_usage({"usage": usage}), WRITTEN, REQUEST_BYTES)
    return found.input_tokens, found.output_tokens, reported


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "2000",
        {"prompt_tokens": math.nan, "completion_tokens": 250},
        {"prompt_tokens": math.inf, "completion_tokens": 250},
        {"prompt_tokens": -5, "completion_tokens": 250},
        {"prompt_tokens": 2_000, "completion_tokens": -1},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 2_000, "completion_tokens": 0},
        {"prompt_tokens": 1, "completion_tokens": 250},
        {"prompt_tokens": "2000", "completion_tokens": "250"},
        {"prompt_tokens": True, "completion_tokens": 250},
        {"prompt_tokens": 10**18, "completion_tokens": 250},
        {"prompt_tokens": 2_000, "completion_tokens": 10**12},
        {"prompt_tokens": 2_000, "completion_tokens": 250, "total_tokens": math.nan},
    ],
)
def test_nonsense_is_estimated_and_marked(usage: object):
    input_tokens, output_tokens, reported = billed(usage)
    assert not reported
    assert input_tokens == REQUEST_BYTES // 4
    assert 100 < output_tokens < 500


def test_credible_figures_are_booked_as_reported():
    assert billed({"prompt_tokens": 1_900, "completion_tokens": 260}) == (1_900, 260, True)
    # Reasoning is billed and not shown.
    assert billed({"prompt_tokens": 1_900, "completion_tokens": 9_000}) == (1_900, 9_000, True)


@pytest.mark.parametrize("request_bytes", [0, 1, 5, 8_001])
def test_estimated_tokens_are_whole_numbers(request_bytes: int):
    found, _ = billed_usage(None, WRITTEN, request_bytes)
    assert all(type(tokens) is int for tokens in (found.input_tokens, found.output_tokens))
