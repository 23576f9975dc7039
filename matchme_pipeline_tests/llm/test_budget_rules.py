"""The pure rules of money and waiting: what a request is covered by, what it is billed at, when a stage stops."""

import asyncio
import uuid
from datetime import date
from decimal import Decimal

import pytest

from matchme_pipeline.errors import BudgetExceededError, ModelRequestError
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.billing import (
    MAX_TOKENS,
    billed_usage,
    booked_call,
    call_error,
    is_amount,
    token_count,
)
from matchme_pipeline.llm.execution.budget_cover import PIECES, Budget
from matchme_pipeline.llm.execution.circuit_breaker import GIVEN_UP_BEFORE_STOP, CircuitBreaker, OutageTimer
from matchme_pipeline.llm.prices import TokenUsage, load_prices

WEEK = date(2026, 1, 4)


class Account:
    """A budget that several processes share, in memory."""

    def __init__(self, limit: str, spent: str = "0") -> None:
        self.limit, self.spent = Decimal(limit), Decimal(spent)
        self.held: dict[uuid.UUID, Decimal] = {}
        self.asked: list[Decimal] = []

    def hold(self, holder: uuid.UUID, week: date | None, usd: Decimal, limit_usd: Decimal) -> bool:
        assert week == WEEK
        assert limit_usd == self.limit
        self.asked.append(usd)
        others = sum((held for other, held in self.held.items() if other != holder), Decimal(0))
        if self.spent + others + usd > limit_usd:
            return False
        self.held[holder] = usd
        return True

    def budget(self) -> Budget:
        async def run(call, *arguments):
            return call(*arguments)

        return Budget(self.limit, WEEK, self, run)


def test_a_process_holds_a_piece_of_the_budget_and_asks_again_only_beyond_it():
    async def scenario() -> None:
        account = Account("10")
        budget = account.budget()
        piece = account.limit / PIECES
        await budget.cover(piece / 2)
        await budget.cover(piece / 2)
        assert account.asked == [piece]
        await budget.cover(piece / 2)
        assert account.asked == [piece, 2 * piece]

    asyncio.run(scenario())


def test_what_a_request_did_not_cost_covers_the_next_and_what_it_cost_is_gone():
    async def scenario() -> None:
        account = Account("1")
        budget = account.budget()
        await budget.cover(Decimal("0.6"))
        assert account.held[budget.holder] == Decimal("0.6")
        account.spent += Decimal("0.1")
        await budget.settle(Decimal("0.6"), Decimal("0.1"))
        await budget.cover(Decimal("0.5"))
        assert len(account.asked) == 1, "the rest of the first cover is enough"
        await budget.settle(Decimal("0.5"), Decimal("0.5"))
        account.spent += Decimal("0.5")
        await budget.cover(Decimal("0.4"))
        await budget.settle(Decimal("0.4"), Decimal(0))
        with pytest.raises(BudgetExceededError, match=r"0\.4100 USD"):
            await budget.cover(Decimal("0.41"))

    asyncio.run(scenario())


def test_a_request_waits_for_what_others_may_free_and_fails_when_nothing_is_in_flight():
    async def scenario() -> None:
        account = Account("1")
        budget = account.budget()
        await budget.cover(Decimal("0.9"))
        second = asyncio.create_task(budget.cover(Decimal("0.3")))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not second.done()
        await budget.settle(Decimal("0.9"), Decimal(0))
        await asyncio.wait_for(second, 10)
        other = account.budget()
        with pytest.raises(BudgetExceededError):
            await other.cover(Decimal("0.8"))

    asyncio.run(scenario())


def test_without_a_limit_nothing_is_held():
    async def scenario() -> None:
        account = Account("0")
        budget = Budget(None, WEEK, account, account.hold)  # type: ignore[arg-type]
        await budget.cover(Decimal(100))
        await budget.settle(Decimal(100), Decimal(100))
        assert account.asked == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sent", "written", "credible"),
    [
        (0, 100, False),
        (49, 100, False),
        (50, 100, True),
        (4_000 + 20_000, 100, True),
        (4_000 + 20_001, 100, False),
        (1_000, 4, False),
        (1_000, 5, True),
        (1_000, 1_000_000, True),
        (1_000, 1_000_001, False),
    ],
)
def test_figures_are_believed_within_what_bytes_allow(sent: int, written: int, credible: bool):
    answer = "w" * 400
    usage, reported = billed_usage(TokenUsage(input_tokens=sent, output_tokens=written), answer, 4_000)
    assert reported is credible
    assert (usage.input_tokens, usage.output_tokens) == ((sent, written) if credible else (1_000, 100))


def test_short_texts_may_count_as_nothing_and_a_missing_report_is_estimated():
    assert billed_usage(TokenUsage(0, 0), "w" * 80, 80)[1]
    assert not billed_usage(TokenUsage(0, 0), "w" * 84, 80)[1]
    assert not billed_usage(TokenUsage(0, 0), "", 84)[1]
    assert billed_usage(None, "", 400) == (TokenUsage(input_tokens=100, output_tokens=0), False)


def test_numbers_of_tokens_are_finite_and_bounded():
    assert [token_count(value) for value in (0, 1, 2.5, MAX_TOKENS)] == [0, 1, 2, MAX_TOKENS]
    bad = [MAX_TOKENS + 1, -1, True, False, "5", None, float("nan"), float("inf")]
    assert [token_count(value) for value in bad] == [0] * len(bad)
    assert [is_amount(value) for value in (0, 0.5, True, -1, float("inf"))] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("outcome", "reported", "error"),
    [
        ("ok", True, None),
        ("partial", True, None),
        ("ok", False, "usage_estimated"),
        ("partial", False, "usage_estimated"),
        ("unreadable", False, "unreadable"),
    ],
)
def test_the_ledger_says_what_was_wrong(outcome: str, reported: bool, error: str | None):
    assert call_error(outcome, reported) == error


def test_a_stage_stops_after_so_many_requests_in_a_row_with_no_answer_between():
    breaker = CircuitBreaker("a-model", OutageTimer(60))
    answers_before = breaker.begin()
    for _ in range(GIVEN_UP_BEFORE_STOP - 1):
        breaker.give_up(answers_before, 12, "timeout")
    with pytest.raises(ModelRequestError, match=f"{GIVEN_UP_BEFORE_STOP} requests in a row"):
        breaker.give_up(answers_before, 12, "timeout")


def test_an_answer_tells_a_bad_request_from_an_outage():
    breaker = CircuitBreaker("a-model", OutageTimer(60))
    answers_before = breaker.begin()
    for _ in range(GIVEN_UP_BEFORE_STOP - 1):
        breaker.give_up(answers_before, 12, "timeout")
    breaker.answer()
    for _ in range(3 * GIVEN_UP_BEFORE_STOP):
        breaker.give_up(answers_before, 12, "timeout")
    answers_before = breaker.begin()
    for _ in range(GIVEN_UP_BEFORE_STOP - 1):
        breaker.give_up(answers_before, 12, "timeout")


def test_a_call_is_booked_at_its_price_with_its_outcome():
    prices = load_prices()
    entry = prices.entry("gpt-4.1", "chat")
    call = booked_call(CallContext("content_analysis", WEEK, "run"), "gpt-4.1", entry, "standard", "v", "ok", 3)
    assert (call.attempt, call.request_bytes, call.cost_usd, call.error, call.items) == (1, 0, Decimal(0), None, 3)
    assert (call.latency_seconds, call.request_id) == (None, None)


def test_only_a_server_that_answers_nothing_for_long_is_down():
    now = [0.0]
    silence = OutageTimer(90, clock=lambda: now[0])
    for _ in range(20):
        # Long times between failures, with an answer in them, are no outage.
        silence.failed("rate_limited", "Wait.")
        now[0] += 89
        silence.failed("rate_limited", "Wait.")
        silence.answered()
        now[0] += 100
    silence.failed("rate_limited", "Wait.")
    now[0] += 45
    silence.failed("rate_limited", "Wait.")
    now[0] += 45
    with pytest.raises(ModelRequestError, match=r"no request for 1\.5 minutes \(rate_limited; .*\). Wait\."):
        silence.failed("rate_limited", "Wait.")


def test_an_answer_ends_the_silence_of_requests_that_were_turned_away():
    now = [0.0]
    breaker = CircuitBreaker("a-model", OutageTimer(90, clock=lambda: now[0]))
    breaker.turned_away("rate_limited")
    now[0] += 80
    breaker.answer()
    now[0] += 80
    breaker.turned_away("rate_limited")
    now[0] += 90
    with pytest.raises(ModelRequestError, match="limits of the model 'a-model'"):
        breaker.turned_away("rate_limited")
