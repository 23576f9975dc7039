"""The Anthropic provider against its fake server: what is asked, what is kept, what every fault costs."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BudgetExceededError, ConfigurationError, ModelRequestError
from matchme_pipeline.llm.anthropic.chat_format import AnthropicChatFormat
from matchme_pipeline.llm.anthropic.error_mapping import failure_in_success, failure_of
from matchme_pipeline.llm.anthropic.rate_limits import standard_headers
from matchme_pipeline.llm.contracts import PairToPreview, PairToReview, Preview, Review, SharedInsight
from matchme_pipeline.llm.doctor import examine_models
from matchme_pipeline.llm.estimate import estimate_insights, estimate_reviews
from matchme_pipeline.llm.execution import request_sender
from matchme_pipeline.llm.execution.billing import billed_usage
from matchme_pipeline.llm.execution.exchange import RefusedRequestError, RetryableError, UnsupportedParameterError
from matchme_pipeline.llm.execution.rate_headers import allowances, seconds_to_wait
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.anthropic_server import faults
from matchme_pipeline_tests.llm.conftest import CONTEXT, item, members_items

NOW = datetime(2026, 1, 11, 2, tzinfo=UTC)


def ledger_tokens(connection: Connection):
    return connection.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
    ).fetchone()


def posts_of(request):
    return json.loads(request["body"]["messages"][0]["content"])["posts"]


def side(name, title):
    return (SharedInsight(name, "interests", title, "They say so themselves."),)


def pairs(kind, count):
    return [
        kind(f"pair-{n}", side(f"a{n}", f"Loves craft number {n}"), side(f"b{n}", "Values honesty"))
        for n in range(count)
    ]


def test_a_request_holds_instructions_data_and_a_schema_and_nothing_else_of_the_member(claude, claude_models):
    text = "I love hiking. Mail me at sara@example.com or @sara_h or +44 7700 900123."
    with claude_models() as session:
        results = list(session.analyse([item("user_secret_id", text)], CONTEXT))
    body = claude.requests[0]["body"]
    sent = json.dumps(body, ensure_ascii=False)
    for secret in ("user_secret_id", "sara@example.com", "@sara_h", "7700"):
        assert secret not in sent
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert body["thinking"] == {"type": "disabled"}
    assert "temperature" not in body
    assert len(results[0].analyses) == 1


def test_each_account_has_its_own_key_address_and_ledger_rows(server, claude, models, app_database):
    """Reviews by Claude, the rest by OpenAI."""
    claude_account = {"ANTHROPIC_API_KEY": "sk-ant-secret-of-the-test", "ANTHROPIC_BASE_URL": claude.url}
    with models(MATCHME_REVIEW_MODEL="claude-opus-5-5", **claude_account) as session:
        analysed = list(session.analyse(members_items(2, 2), CONTEXT))
        embedded = session.embed({"h": "a text"}, CONTEXT)
        reviews = list(session.review(pairs(PairToReview, 12), CONTEXT))
    assert sum(len(member.analyses) for member in analysed) == 4
    assert len(embedded.vectors) == 1
    assert all(isinstance(review, Review) and review.model == "claude-opus-5-5" for review in reviews)
    assert len(reviews) == 12
    assert {r["headers"]["authorization"] for r in server.requests} == {"Bearer sk-secret-of-the-test"}
    assert all("sk-ant-secret-of-the-test" in json.dumps(r["headers"]) for r in claude.requests)
    assert all(r["body"]["output_config"]["effort"] == "low" for r in claude.requests)
    booked = app_database.execute("select provider, array_agg(distinct model order by model) from llm_calls group by 1")
    assert dict(booked.fetchall()) == {
        "anthropic": ["claude-opus-5-5"],
        "openai": ["gpt-6-luna", "text-embedding-3-small"],
    }
    tokens = "select sum(input_tokens), sum(output_tokens), sum(cost_usd) from llm_calls where provider = 'anthropic'"
    sent, written, cost = app_database.execute(tokens).fetchone()
    assert (sent, written) == (claude.tokens[0], claude.tokens[2])
    assert cost == (4 * sent + 20 * written) / Decimal(1_000_000)


def test_previews_and_reviews_travel_together_and_are_paid_once(claude, claude_models):
    with claude_models(MATCHME_REVIEW_MODEL="claude-haiku-5-5") as session:
        previews = list(session.preview(pairs(PairToPreview, 12), CONTEXT))
        reviews = list(session.review(pairs(PairToReview, 12), CONTEXT))
        asked = len(claude.requests)
        again = [*session.preview(pairs(PairToPreview, 12), CONTEXT), *session.review(pairs(PairToReview, 12), CONTEXT)]
    assert all(isinstance(preview, Preview) for preview in previews)
    assert all(isinstance(review, Review) for review in reviews)
    assert len(claude.requests) == asked == 4
    assert len(again) == 24
    assert all(one.reused for one in again)


def test_cached_and_written_tokens_are_booked_and_priced(claude, claude_models, app_database):
    claude.cached_prefix_tokens = 1
    with claude_models(MATCHME_LLM_CONCURRENCY=1) as session:
        list(session.analyse(members_items(4, 1), CONTEXT))
    sent, read, written, output, cost = app_database.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(cache_write_tokens), sum(output_tokens), "
        "sum(cost_usd) from llm_calls"
    ).fetchone()
    assert (sent, read, output) == claude.tokens
    assert written == claude.cache_written > 0
    assert read == 3 * written
    usd = Decimal("0.10") * (sent - read - written) + Decimal("0.01") * read + Decimal("0.125") * written
    assert cost == (usd + Decimal("0.50") * output) / 1_000_000


@pytest.mark.parametrize("fault", ["refusal", "cut_off", "missing_fields", "out_of_range", "not_json"])
def test_a_faulty_answer_loses_no_pair(claude, claude_models, fault):
    with claude_models(MATCHME_REVIEW_MODEL="claude-opus-5-5") as session:
        claude.next_faults = [fault]
        previews = list(session.preview(pairs(PairToPreview, 6), CONTEXT))
        claude.next_faults = [fault]
        reviews = list(session.review(pairs(PairToReview, 6), CONTEXT))
    assert len({p.pair_id for p in previews if isinstance(p, Preview)}) == 6
    assert len({r.pair_id for r in reviews if isinstance(r, Review)}) == 6


def test_a_cut_off_answer_is_asked_again_in_halves_and_one_post_with_more_room(claude, claude_models):
    claude.next_faults = ["cut_off", "", "cut_off"]
    with claude_models(MATCHME_LLM_CONCURRENCY=1) as session:
        list(session.analyse(members_items(1, 3), CONTEXT))
    sizes = [len(posts_of(request)) for request in claude.requests]
    assert sizes[0] == 3
    assert sorted(sizes[1:3]) == [1, 2]
    limits = {size: [r["body"]["max_tokens"] for r in claude.requests if len(posts_of(r)) == size] for size in (1, 2)}
    assert max(limits[1]) > min(limits[1]) or len(limits[1]) > 1


@pytest.mark.parametrize("fault", ["rate_limited", "rate_limited_bare", "overloaded"])
def test_a_server_that_turns_everything_away_stops_the_stage_in_bounded_time(claude, claude_models, fault):
    claude.fault_rates, claude.retry_after = {fault: 1.0}, "0.2"
    outage = {"MATCHME_LLM_OUTAGE_MINUTES": "0.02"}
    with claude_models(**outage) as session, pytest.raises(ModelRequestError, match=r"down: .* 0\.02 minutes"):
        list(session.analyse(members_items(20, 1), CONTEXT))


def test_a_server_that_is_overloaded_for_good_stops_the_stage(claude, claude_models, monkeypatch):
    monkeypatch.setattr(request_sender, "TRIES", 1)
    monkeypatch.setattr("matchme_pipeline.llm.execution.adaptive_limiter.MAX_COOLDOWN_SECONDS", 0.01)
    claude.fault_rates = {"overloaded": 1.0}
    with claude_models(MATCHME_LLM_CONCURRENCY=8) as session, pytest.raises(ModelRequestError, match="is down"):
        list(session.analyse(members_items(20, 1), CONTEXT))


@pytest.mark.parametrize(
    ("left", "allowed", "wait"),
    [
        ({"requests-remaining": "0", "requests-reset": "2026-01-11T02:00:05Z"}, {"requests": (0, 5)}, 5),
        ({"tokens-remaining": "900", "input-tokens-remaining": "40", "input-tokens-reset": "2026-01-11T02:00:03Z",
          "output-tokens-remaining": "500"}, {"tokens": (40, 3)}, None),
        ({"output-tokens-remaining": "0", "output-tokens-reset": "2026-01-11T02:00:07Z", "tokens-remaining": "9"},
         {"tokens": (0, 7)}, 7),
        ({"tokens-remaining": "many"}, {}, None),
        ({}, {}, None),
    ],
)  # fmt: skip
def test_what_is_left_of_requests_and_of_the_scarcest_tokens_is_read(left, allowed, wait):
    headers = standard_headers({f"Anthropic-RateLimit-{name}": value for name, value in left.items()})
    assert allowances(headers, NOW) == allowed
    assert seconds_to_wait(headers, NOW) == wait


def test_each_account_has_its_own_limits_a_minute(server, claude, claude_models, app_database):
    with claude_models(MATCHME_ANTHROPIC_REQUESTS_PER_MINUTE=100, MATCHME_LLM_REQUESTS_PER_MINUTE=100) as session:
        list(session.analyse(members_items(3, 1), CONTEXT))
        session.embed({"h": "a text"}, CONTEXT)
    counted = app_database.execute("select provider, count(*) from llm_departures group by 1").fetchall()
    assert dict(counted) == {"anthropic": 3, "openai": 1}


def test_the_budget_is_never_passed_over_both_accounts(server, claude, claude_models, app_database):
    items = members_items(60, 2)
    with claude_models(MATCHME_WEEKLY_BUDGET_USD="0.006", MATCHME_LLM_CONCURRENCY=8) as session:
        session.embed({f"h{n}": "a text " * 50 for n in range(40)}, CONTEXT)
        results = []
        with pytest.raises(BudgetExceededError):
            results.extend(session.analyse(items, CONTEXT))
    spent, providers = app_database.execute("select sum(cost_usd), count(distinct provider) from llm_calls").fetchone()
    assert 0 < len(results) < 60
    assert spent <= Decimal("0.006")
    assert providers == 2
    assert app_database.execute("select count(*) from llm_budget_holdings").fetchone() == (0,)


def test_a_missing_key_and_a_missing_price_are_named_before_anything_is_sent(server, claude, models, claude_models):
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"), models(MATCHME_REVIEW_MODEL="claude-opus-5-5"):
        pass
    with pytest.raises(ConfigurationError, match="claude-9"), claude_models(MATCHME_REVIEW_MODEL="claude-9"):
        pass
    with (
        pytest.raises(ConfigurationError) as caught,
        claude_models(ANTHROPIC_API_KEY="sk-ant-secret\u2026 of the test"),
    ):
        pass
    assert "secret" not in str(caught.value)
    assert not server.requests + claude.requests


def test_the_doctor_asks_each_account_about_its_own_models(server, claude, claude_environment):
    soon = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
    server.models, claude.models = {"text-embedding-3-small": None}, {"claude-haiku-5-5": soon, "claude-opus-5-5": None}
    settings = load_settings(None, {**claude_environment, "MATCHME_REVIEW_MODEL": "claude-opus-5-5"})
    told = examine_models(settings)
    assert "anthropic, claude-haiku-5-5 and claude-opus-5-5; openai, text-embedding-3-small" in told
    assert f"'claude-haiku-5-5' shuts down on {soon}" in told
    claude.models = {}
    with pytest.raises(ModelRequestError, match="claude-haiku-5-5"):
        examine_models(settings)
    dead = settings.model_copy(update={"anthropic_base_url": "http://127.0.0.1:9"})
    with pytest.raises(ModelRequestError, match="ANTHROPIC_BASE_URL"):
        examine_models(dead)


def test_estimates_know_its_prices_and_its_limits(claude, claude_models, claude_environment, app_database):
    settings = load_settings(None, {**claude_environment, "MATCHME_REVIEW_MODEL": "claude-opus-5-5"})
    items = members_items(20, 3)
    before = estimate_insights(app_database, settings, items)
    with claude_models() as session:
        list(session.analyse(items, CONTEXT))
    spent, calls = app_database.execute("select sum(cost_usd), count(*) from llm_calls").fetchone()
    assert before.calls == calls
    assert abs(before.cost_usd / spent - 1) < 0.3
    slow = settings.model_copy(update={"anthropic_requests_per_minute": 1})
    reviews = estimate_reviews(app_database, slow, pairs(PairToReview, 30))
    assert (reviews.calls, reviews.seconds) == (3, 180)


def test_no_key_and_no_members_words_reach_ledger_or_log(claude, claude_models, app_database, caplog):
    claude.next_faults = list(faults.TRANSPORT[:4])
    with caplog.at_level("DEBUG"), claude_models() as session:
        list(session.analyse(members_items(2, 1), CONTEXT))
    rows = app_database.execute("select l::text from llm_calls l").fetchall()
    assert rows
    assert not any("secret" in text or "joy" in text for text in [*(row for (row,) in rows), caplog.text])


words = st.sampled_from(["sk-ant-secret", "temperature", "overloaded_error", "credit balance", "invalid", "effort"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "error", "message", "content", "text", "stop_reason", "usage", "input_tokens", "output_tokens",
             "cache_read_input_tokens", "cache_creation_input_tokens"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=14,
)  # fmt: skip


@given(st.integers(400, 599), values.map(json.dumps) | st.text(max_size=40))
def test_every_error_is_sorted_and_none_shows_what_the_server_wrote(status, body):
    error = failure_of(status, body.encode("utf-8", "replace"), {}, "a-model", NOW, ("temperature", "output_config"))
    assert isinstance(error, ModelRequestError | RetryableError | RefusedRequestError | UnsupportedParameterError)
    assert "secret" not in str(error)
    if status == 529 and isinstance(error, RetryableError):
        assert error.throttled


@given(st.dictionaries(st.sampled_from(["type", "content", "stop_reason", "usage", "error"]), values))
def test_no_answer_makes_anything_stumble(answer):
    chat_format = AnthropicChatFormat()
    written = chat_format.answer(answer)
    usage, _ = billed_usage(chat_format.usage(answer), written.content if written else "", 400)
    assert 0 <= usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens < 2**31
    assert 0 <= usage.output_tokens < 2**31
    error = failure_in_success(answer, "a-model", NOW)
    assert error is None or answer.get("error") or answer.get("type") == "error"
