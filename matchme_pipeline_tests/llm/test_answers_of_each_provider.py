"""What holds whoever answers: every fault of a server, through each provider's real client."""

import json

import pytest

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline_tests.llm.conftest import CONTEXT, Account, each_fault, item, members_items


def ledger_tokens(connection: Connection) -> object:
    return connection.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
    ).fetchone()


@each_fault("TRANSPORT", "ANSWER")
def test_a_fault_loses_no_post_and_every_billed_token_is_in_the_ledger(
    account: Account, app_database: Connection, fault: str
):
    account.server.next_faults = [fault]
    with account.models() as session:
        results = list(session.analyse(members_items(1, 4), CONTEXT))
    assert account.server.faults_served[fault] == 1
    assert not results[0].failures
    assert all(len(a.insights) == 1 for a in results[0].analyses)
    assert ledger_tokens(app_database) == account.server.tokens


@each_fault("ENDLESS")
def test_an_answer_that_never_comes_is_tried_again(account: Account, fault: str):
    account.server.next_faults = [fault]
    with account.models(MATCHME_LLM_TIMEOUT_SECONDS=0.5) as session:
        results = list(session.analyse(members_items(1, 1), CONTEXT))
    assert len(results[0].analyses) == 1


@pytest.mark.parametrize(
    ("account", "fault"),
    [("openai", "refusal"), ("anthropic", "refused_without_content")],
    indirect=["account"],
)
def test_one_post_that_is_always_refused_fails_alone(account: Account, fault: str):
    account.server.fault_words = {"cursed": fault}
    items = [*members_items(3, 3), item("user_1", "A cursed post that no model wants to read.")]
    with account.models() as session:
        results = {member.member_id: member for member in session.analyse(items, CONTEXT)}
    assert len(results["user_1"].failures) == 1
    assert sum(len(member.analyses) for member in results.values()) == 9


@pytest.mark.parametrize(
    ("account", "fault", "word"),
    [
        ("openai", "context_too_long", "context_length"),
        ("openai", "larger_than_a_minute", "rate_limit_exceeded"),
        ("anthropic", "context_too_long", "invalid_request"),
        ("anthropic", "request_too_large", "request_too_large"),
    ],
    indirect=["account"],
)
def test_a_request_that_is_too_long_fails_alone(account: Account, fault: str, word: str):
    account.server.fault_words = {"endless": fault}
    items = [*members_items(2, 3), item("user_0", "An endless story, honestly.")]
    with account.models() as session:
        results = list(session.analyse(items, CONTEXT))
    failures = [failure for member in results for failure in member.failures]
    assert [(f.retryable, word in f.error) for f in failures] == [(False, True)]
    assert sum(len(member.analyses) for member in results) == 6


@each_fault("FATAL")
def test_an_error_that_no_retry_helps_stops_at_once_with_one_sentence_without_the_key(account: Account, fault: str):
    account.server.fault_rates = {fault: 1.0}
    with account.models(MATCHME_LLM_CONCURRENCY=4) as session, pytest.raises(ModelRequestError) as caught:
        list(session.analyse(members_items(50, 1), CONTEXT))
    assert len(account.server.requests) <= 8
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("account", "headers"),
    [
        ("openai", {"retry-after-ms": "30"}),
        ("openai", {"retry-after": "20ms"}),
        ("openai", {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}),
        ("openai", {"retry-after": "Thu, 01 Jan 2026 00:00:00 GMT"}),
        ("openai", {"retry-after": "-1"}),
        ("openai", {}),
        ("anthropic", {"retry-after": "0"}),
        ("anthropic", {"anthropic-ratelimit-requests-remaining": "0",
                       "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z"}),
        ("anthropic", {}),
    ],
    indirect=["account"],
)  # fmt: skip
def test_whatever_a_server_says_about_waiting_nothing_is_lost(account: Account, headers: dict[str, str]):
    account.server.retry_headers, account.server.next_faults = headers, ["rate_limited"] * 3
    with account.models() as session:
        results = list(session.analyse(members_items(3, 1), CONTEXT))
    assert sum(len(member.analyses) for member in results) == 3


# An older model of each provider, and what it may not take.
OLDER = [
    ("openai", "gpt-4o-mini", ("temperature", "reasoning_effort", "store")),
    ("anthropic", "claude-haiku-4-5", ("temperature", "output_config")),
]


@pytest.mark.parametrize("style", ["openai", "fastapi", "words"])
@pytest.mark.parametrize(("account", "model", "parameters"), OLDER, indirect=["account"])
def test_what_a_model_does_not_take_is_left_out_or_said_in_words(
    account: Account, model: str, parameters: tuple[str, ...], style: str
):
    account.server.unsupported_parameters, account.server.refusal_style = parameters, style
    with account.models(MATCHME_INSIGHT_MODEL=model) as session:
        results = list(session.analyse(members_items(1, 2), CONTEXT))
    assert len(results[0].analyses) == 2
    last = account.server.requests[-1]["body"]
    assert not set(parameters) & last.keys()
    # The schema of the answers.
    assert "source_quote" in json.dumps(last)


@pytest.mark.parametrize(("account", "model", "parameters"), OLDER, indirect=["account"])
def test_temperature_is_sent_to_a_model_that_takes_one(account: Account, model: str, parameters: tuple[str, ...]):
    with account.models(MATCHME_INSIGHT_MODEL=model) as session:
        list(session.analyse(members_items(1, 1), CONTEXT))
    body = account.server.requests[0]["body"]
    assert body["temperature"] == 0.3
    assert "thinking" not in body
