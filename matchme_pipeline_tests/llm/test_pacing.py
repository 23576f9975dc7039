"""Pacing: the limit adapts, everybody waits together, and no minute has too many requests."""

import asyncio
from bisect import bisect
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from matchme_pipeline.llm.execution import shared_rate_window
from matchme_pipeline.llm.execution.adaptive_limiter import AdaptiveLimiter
from matchme_pipeline.llm.execution.rate_headers import seconds_to_wait, waiting_seconds
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items


def run(coroutine):
    return asyncio.run(coroutine)


def test_the_limit_falls_with_429s_and_climbs_back():
    async def scenario():
        limiter = AdaptiveLimiter(64)
        for _ in range(64):
            limiter.throttled(0)
        fallen = limiter.limit
        for _ in range(1000):
            limiter.succeeded({})
        return fallen, limiter.limit

    fallen, recovered = run(scenario())
    assert fallen == 32
    assert recovered == 64


def test_after_a_429_nobody_leaves_before_retry_after_is_over():
    async def scenario():
        limiter = AdaptiveLimiter(9)
        limiter.throttled(0.2)
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*(limiter.enter(1) for _ in range(8)))
        return loop.time() - start

    assert run(scenario()) >= 0.2


def test_headers_that_say_nothing_is_left_are_obeyed():
    async def scenario():
        limiter = AdaptiveLimiter(8)
        limiter.succeeded({"x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "200ms"})
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*(limiter.enter(1) for _ in range(2)))
        at_once = loop.time() - start
        await limiter.enter(1)
        return at_once, loop.time() - start

    at_once, third = run(scenario())
    assert at_once < 0.15
    assert third >= 0.15


def test_no_more_requests_are_on_their_way_than_the_limit():
    async def scenario():
        limiter = AdaptiveLimiter(5)
        now = most = 0

        async def one():
            nonlocal now, most
            permit = await limiter.enter(1)
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.005)
            now -= 1
            limiter.leave(permit)

        await asyncio.gather(*(one() for _ in range(40)))
        return most

    assert run(scenario()) == 5


def test_a_server_that_goes_on_turning_away_is_asked_less_and_less_whatever_it_promises():
    async def scenario():
        now = [0.0]
        limiter = AdaptiveLimiter(8, clock=lambda: now[0])
        waits = []
        for _ in range(8):
            limiter.throttled(0.0)
            waits.append(limiter._cooldown_until - now[0])
            now[0] = limiter._cooldown_until
        return waits

    waits = run(scenario())
    assert all(wait > 0 for wait in waits)
    assert waits[-1] > 10


NOW = datetime(2026, 1, 11, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360), ("20ms", 0.02), ("1.5s", 1.5), ("2", 2), ("1h2m3s", 3723), ("2m59.56s", 179.56), ("soon", None),
        ("", None), ("Sun, 11 Jan 2026 02:00:30 GMT", 30), ("2026-01-11T02:00:05Z", 5),
        ("2026-01-11T02:00:05+00:00", 5),
        (str(int(NOW.timestamp()) + 7), 7), (str((int(NOW.timestamp()) + 7) * 1000), 7), ("nan", None),
    ],
)  # fmt: skip
def test_durations_and_moments_are_read_in_every_spelling_that_is_in_use(text, seconds):
    assert waiting_seconds(text, NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "250ms"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 11 Jan 2026 02:00:30 GMT"}, 30),
        ({"retry-after": "Sun, 11 Jan 2026 01:00:30 GMT"}, 0),
        ({"retry-after": "86400"}, 300),
        ({"retry-after": "inf"}, 300),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1.5s"}, 1.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 20),
        ({"x-ratelimit-remaining-requests": "0"}, 1),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "6m0s"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "4"}, 4),
        ({}, None),
    ],
)
def test_who_was_turned_away_waits_as_long_as_the_headers_say(headers, seconds):
    assert seconds_to_wait(headers, NOW) == seconds


def test_the_limits_of_a_minute_hold_over_all_processes_and_models(server, models, app_database, monkeypatch):
    monkeypatch.setattr(shared_rate_window, "WINDOW_SECONDS", 1.0)
    server.latency_seconds = 0.02

    def run_one(number):
        with models(MATCHME_LLM_REQUESTS_PER_MINUTE=12, MATCHME_LLM_CONCURRENCY=16) as session:
            if number == 2:
                return [session.embed({f"h{n}": f"text {n}"}, CONTEXT).computed for n in range(6)]
            return list(
                session.analyse([i for i in members_items(30, 1) if int(i.member_id[5:]) % 2 == number], CONTEXT)
            )

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(run_one, range(3)))
    arrived = sorted(moment for moment, _ in server.arrivals)
    assert len(arrived) == 36
    # A window of 0.9 s: a request arrives a little later than it leaves.
    assert max(bisect(arrived, start + 0.9) - place for place, start in enumerate(arrived)) <= 12
    assert [len(part) for part in done] == [15, 15, 6]


def test_no_minute_has_more_tokens_than_allowed_however_few_are_expected(server, models, monkeypatch):
    monkeypatch.setattr(shared_rate_window, "WINDOW_SECONDS", 0.5)
    # A server that counts more than a third of a token a byte.
    server.tokens_a_byte = 0.33
    texts = {f"h{n}": f"text number {n}, of a certain length" for n in range(60)}
    with models(MATCHME_LLM_TOKENS_PER_MINUTE=200) as session:
        embedded = session.embed(texts, CONTEXT)
    assert len(embedded.vectors) == 60
    assert len(server.arrivals) > 3
    assert all(
        sum(tokens for moment, tokens in server.arrivals if start <= moment < start + 0.45) <= 200
        for start, _ in server.arrivals
    )


def test_connections_are_reused(server, models):
    server.latency_seconds = 0.01
    with models(MATCHME_LLM_CONCURRENCY=4) as session:
        list(session.analyse(members_items(60, 1), CONTEXT))
    assert len(server.requests) == 60
    assert len(server.connections) <= 5
