"""Pacing: the limit adapts, everybody waits together, and no minute has too many requests."""

import asyncio

from matchme_pipeline.llm.remote.pacing import Pacer, duration_seconds


def run(coroutine):
    return asyncio.run(coroutine)


def test_the_limit_falls_with_429s_and_climbs_back():
    async def scenario():
        pacer = Pacer(64)
        for _ in range(64):
            pacer.throttled(0)
        fallen = pacer.limit
        for _ in range(1000):
            pacer.succeeded({})
        return fallen, pacer.limit

    fallen, recovered = run(scenario())
    assert fallen == 32
    assert recovered == 64


def test_after_a_429_nobody_leaves_before_retry_after_is_over():
    async def scenario():
        pacer = Pacer(9)
        pacer.throttled(0.2)
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*(pacer.enter(1) for _ in range(8)))
        return loop.time() - start

    assert run(scenario()) >= 0.2


def test_no_window_holds_more_requests_or_tokens_than_configured():
    async def scenario(**limits):
        pacer = Pacer(100, **limits, window_seconds=0.3)
        loop = asyncio.get_running_loop()
        left = []

        async def one():
            passage = await pacer.enter(10)
            left.append(loop.time())
            await asyncio.sleep(0.01)
            pacer.leave(passage, 10)

        await asyncio.gather(*(one() for _ in range(25)))
        return left

    for limits in ({"requests_per_minute": 10}, {"tokens_per_minute": 100}):
        left = run(scenario(**limits))
        assert max(sum(t <= other < t + 0.29 for other in left) for t in left) <= 10


def test_headers_that_say_nothing_is_left_are_obeyed():
    async def scenario():
        pacer = Pacer(8)
        pacer.succeeded({"x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "200ms"})
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*(pacer.enter(1) for _ in range(2)))
        at_once = loop.time() - start
        await pacer.enter(1)
        return at_once, loop.time() - start

    at_once, third = run(scenario())
    assert at_once < 0.15
    assert third >= 0.15


def test_no_more_requests_are_on_their_way_than_the_limit():
    async def scenario():
        pacer = Pacer(5)
        now = most = 0

        async def one():
            nonlocal now, most
            passage = await pacer.enter(1)
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.005)
            now -= 1
            pacer.leave(passage)

        await asyncio.gather(*(one() for _ in range(40)))
        return most

    assert run(scenario()) == 5


def test_durations_are_read_as_the_api_writes_them():
    assert duration_seconds("6m0s") == 360
    assert duration_seconds("20ms") == 0.02
    assert duration_seconds("1.5s") == 1.5
    assert duration_seconds("2") == 2
    assert duration_seconds("soon") is None
