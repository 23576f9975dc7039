"""Model calls: offline items a second on one core, many at once against serial, faults, a kill half-way, a population
at list prices and against its estimates.

Only the real client is driven, against the fake server of the tests on this machine.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal

import numpy as np
import psycopg
from numpy.typing import NDArray
from openai import OpenAI

from matchme_pipeline.content import analysis
from matchme_pipeline.content.items import HashedItem, hash_items
from matchme_pipeline.content.queries import live_items, replace_items
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.llm.contracts import CallContext, Models
from matchme_pipeline.llm.prices import Mode, TokenUsage, load_prices
from matchme_pipeline.llm.resource import open_models
from matchme_pipeline.population import latent
from matchme_pipeline.population.reviews import review_insights
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.population.vocabulary import vocabulary
from matchme_pipeline.population.writing import caption
from matchme_pipeline.settings import load_settings
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline_tests.bench.own_server import own_server, with_tables
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items
from matchme_pipeline_tests.llm.test_pay_once import start, times_asked
from matchme_pipeline_tests.openai_server import FakeOpenAI, faults

MEMBERS, POSTS_EACH, CONCURRENCY = 1_000, 10, 64
SERIAL_CALLS = 12
# What the offline models find in these posts on average.
INSIGHTS_A_POST = 1.5
FIRST_WEEK, WEEKS, SEED = date(2026, 1, 4), 6, 7
ONE_CORE_POSTS = 3_000


def main() -> None:
    """Print one line a figure."""
    _in_a_process_of_its_own("one_core")
    with own_server() as server:
        url = with_tables(server)
        concurrency(url)
        campaign(url)
        killed(url)
    population()


def one_core() -> None:
    """Insights and vectors a second of the offline models on one core, sentences never seen before."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from matchme_pipeline.llm.local.encoder import SentenceEncoder, item_vectors, process_encoder
    from matchme_pipeline.llm.local.insights import answer_insights
    from matchme_pipeline.llm.local.themes import load_themes

    rng = np.random.default_rng(1)
    posts = [caption(rng, latent.draw(rng, vocabulary().circles))[0] for _ in range(2 * ONE_CORE_POSTS)]
    requests = [{"posts": [{"id": "p1", "text": f"{post} ({n})"}]} for n, post in enumerate(posts[:ONE_CORE_POSTS])]
    encoder = process_encoder()
    answer_insights(requests[:1], load_themes(), encoder)
    started = time.perf_counter()
    answer_insights(requests[1:], load_themes(), encoder)
    insights_seconds = time.perf_counter() - started
    # The other half starts without what the first one left in memory.
    unread = SentenceEncoder(encoder._encoder)
    started = time.perf_counter()
    item_vectors([f"{post} ({n})" for n, post in enumerate(posts[ONE_CORE_POSTS:])], unread)
    vectors_seconds = time.perf_counter() - started
    _say(f"offline, one core: {ONE_CORE_POSTS / insights_seconds:,.0f} posts/s for insights, "
         f"{ONE_CORE_POSTS / vectors_seconds:,.0f} posts/s for vectors")  # fmt: skip


def concurrency(url: str) -> None:
    """10,000 posts of 1,000 members with one second a call, 64 at a time, against one call after another."""
    with FakeOpenAI(latency_seconds=1.0) as server:
        items = members_items(MEMBERS, POSTS_EACH)
        started = time.perf_counter()
        with _models(server, url) as models:
            analysed = sum(len(member.analyses) for member in models.analyse(items, CONTEXT))
        seconds = time.perf_counter() - started
        calls, bodies = len(server.requests), [request["body"] for request in server.requests]
        client = OpenAI(api_key="sk-x", base_url=server.url, max_retries=0)
        started = time.perf_counter()
        for body in bodies[:SERIAL_CALLS]:
            client.chat.completions.create(**body)
        serial_seconds = (time.perf_counter() - started) / SERIAL_CALLS * calls
    _say(f"{analysed:,} posts of {MEMBERS:,} members, 1 s a call: {calls:,} calls in {seconds:.1f} s at {CONCURRENCY} "
         f"at a time; one after another {serial_seconds:,.0f} s (from {SERIAL_CALLS} calls): "
         f"{serial_seconds / seconds:.0f} times as long")  # fmt: skip


def campaign(url: str) -> None:
    """The content stage over the demonstration population's posts, a tenth, then half of the calls faulty.

    What is left in backoff is taken up by a later run, as in life; what then is failed, lost, or paid twice.
    """
    kinds = (*faults.TRANSPORT, *faults.ANSWER, "fenced", "empty_list")
    week = Week(FIRST_WEEK + (WEEKS - 1) * WEEK, is_first=True)
    with connect(url) as connection:
        seed_population(connection, users=MEMBERS, weeks=WEEKS, first_week=FIRST_WEEK, seed=SEED)
        hashed = hash_items(live_items(connection, week.items_from, week.cutoff), {})
        replace_items(connection, week.sunday, hashed)
        items = analysis.by_member(hashed)
        _say(f"{len(kinds)} kinds of fault: {', '.join(kinds)}")
        _say("faulty calls  posts  members  calls  faults  seconds  runs  jobs failed  posts lost  paid twice  ledger")
        for share in (0.1, 0.5):
            connection.execute("truncate content_analyses, llm_calls, batch_processing_queue cascade")
            jobs.enqueue(connection, JobType.CONTENT_ANALYSIS, week.sunday, analysis.job_requests(items, {}))
            rates = dict.fromkeys(kinds, share / len(kinds))
            with FakeOpenAI(latency_seconds=0.1, fault_rates=rates) as server:
                started = time.perf_counter()
                runs = _drain(connection, server, url, week, items)
                _say(_campaign_line(connection, server, share, items, time.perf_counter() - started, runs))


def _drain(
    connection: Connection, server: FakeOpenAI, url: str, week: Week, items: Mapping[str, Sequence[HashedItem]]
) -> int:
    """Runs of the stage until nothing is open; how many it took."""
    for run in range(1, 10):
        context = CallContext("content_insights", week.sunday, f"run {run}")
        with _models(server, url, MATCHME_LLM_TIMEOUT_SECONDS="4") as models:
            outcome = analysis.drain(connection, models, week, items, context, week.cutoff)
        if not outcome.left_in_queue:
            return run
    raise SystemExit("jobs are open after nine runs")


def _campaign_line(
    connection: Connection,
    server: FakeOpenAI,
    share: float,
    items: Mapping[str, Sequence[HashedItem]],
    seconds: float,
    runs: int,
) -> str:
    booked = connection.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
    ).fetchone()
    hashes = {item.content_hash for own in items.values() for item in own}
    answered = {row[0] for row in connection.execute("select content_hash from content_analyses")}
    queue = jobs.counts(connection, job_type=JobType.CONTENT_ANALYSIS)
    twice = sum(times > 1 for times in server.well_answered.values())
    posts = sum(len(own) for own in items.values())
    books = "equals the server's count" if booked == server.tokens else f"{booked}, server {server.tokens}"
    return (
        f"{share:12.0%} {posts:6,} {len(items):8,} {len(server.requests):6,} {server.faults_served.total():7,} "
        f"{seconds:8.1f} {runs:5} {queue.failed:5} {queue.failed / queue.total:6.2%} {len(hashes - answered):11,} "
        f"{twice:11,}  {books}"
    )


def killed(url: str) -> None:
    """A run killed half-way and taken up again: calls paid twice, against those that had left and were not booked."""
    booked_before = _booked_calls(url)
    with FakeOpenAI(latency_seconds=0.2) as server:
        process = start(server, url, MEMBERS, MATCHME_LLM_CONCURRENCY=str(CONCURRENCY))
        while server.billed["chat"].requests < MEMBERS // 2:
            if process.poll() is not None:
                raise SystemExit("the run ended before it could be killed")
            time.sleep(0.005)
        process.kill()
        process.wait()
        on_their_way = len(server.requests) - (_booked_calls(url) - booked_before)
        with _models(server, url) as models:
            analysed = sum(len(member.analyses) for member in models.analyse(members_items(MEMBERS, 2), CONTEXT))
        twice = sum(times - 1 for times in times_asked(server).values()) // 2
    _say(f"killed with SIGKILL after {MEMBERS // 2} of {MEMBERS:,} calls, taken up again: {analysed:,} of "
         f"{2 * MEMBERS:,} posts answered, {twice} calls paid twice, {on_their_way} were on their way "
         f"({CONCURRENCY} at a time)")  # fmt: skip


def _booked_calls(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from llm_calls").fetchone()
    return row[0] if row else 0


def population() -> None:
    """The demonstration population week by week at list prices: estimated, run, run again."""
    with (
        tempfile.TemporaryDirectory(prefix="matchme bench ") as home,
        FakeOpenAI(latency_seconds=0.05, insights_a_post=INSIGHTS_A_POST) as server,
    ):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MATCHME_", "OPENAI_"))},
            "MATCHME_HOME": home,
            "MATCHME_LLM": "openai",
            "MATCHME_LLM_CONCURRENCY": str(CONCURRENCY),
            "OPENAI_API_KEY": "sk-x",
            "OPENAI_BASE_URL": server.url,
        }
        try:
            _population(environment, server)
        finally:
            _matchme(environment, "db", "stop")


def _population(environment: dict[str, str], server: FakeOpenAI) -> None:
    seeded = json.loads(_matchme(environment, "seed", "--json"))
    url = _matchme(environment, "db", "uri").strip()
    first = date.fromisoformat(seeded["first_week"])
    weeks = [Week(first + n * WEEK) for n in range(seeded["weeks"])]
    _say(f"demo population, {INSIGHTS_A_POST} insights a post:")
    _say("week        estimated tokens  recorded tokens         estimated USD  recorded USD")
    totals = np.zeros(4)
    for week in weeks:
        if week != weeks[0]:
            with connect(url) as connection:
                review_insights(connection, week_cutoff=week.previous.cutoff, seed=seeded["seed"])
        estimate = json.loads(_matchme(environment, "estimate", "--week", week.key, "--json"))
        _matchme(environment, "run", "--week", week.key)
        with psycopg.connect(url) as plain:
            row = plain.execute(
                "select sum(input_tokens + output_tokens), sum(cost_usd) from llm_calls where week = %s", [week.sunday]
            ).fetchone()
        expected = [sum(r["input_tokens"] + r["output_tokens"] for r in estimate),
                    sum(Decimal(r["cost_usd"]) for r in estimate)]  # fmt: skip
        figures = np.array([expected[0], row[0], expected[1], row[1]] if row else [], dtype=float)
        totals += figures
        _say(_estimate_line(week.key, figures))
    _say(_estimate_line("all", totals))
    calls = len(server.requests)
    costs = "standard {standard:.2f} USD, flex {flex:.2f}, batch {batch:.2f}".format(**_costs(url))
    _say(f"first run, list prices: {calls:,} calls; {costs}")
    before = _costs(url)["standard"]
    _matchme(environment, "run", "--from", weeks[0].key, "--to", weeks[-1].key)
    _say(f"second run: {len(server.requests) - calls:,} calls; {_costs(url)['standard'] - before:.2f} USD")


def _estimate_line(name: str, figures: NDArray[np.float64]) -> str:
    tokens, recorded, usd, recorded_usd = figures
    return (
        f"{name:10} {tokens:17,.0f} {recorded:16,.0f} {tokens / recorded - 1:+7.1%} {usd:13.4f} {recorded_usd:13.4f} "
        f"{usd / recorded_usd - 1:+7.1%}"
    )


def _costs(url: str) -> dict[str, Decimal]:
    """What the ledger's tokens cost at list prices in each mode."""
    prices = load_prices()
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            select model, sum(input_tokens)::bigint, sum(cached_input_tokens)::bigint, sum(output_tokens)::bigint
            from llm_calls group by model
            """
        ).fetchall()
    modes: tuple[Mode, ...] = ("standard", "flex", "batch")
    return {
        mode: sum(
            (prices.models[model].price(mode).cost_usd(TokenUsage(sent, cached, 0, written))
             for model, sent, cached, written in rows),
            Decimal(0),
        )
        for mode in modes
    }  # fmt: skip


def _models(server: FakeOpenAI, url: str, **environment: str) -> AbstractContextManager[Models]:
    values = {
        "MATCHME_LLM": "openai",
        "OPENAI_API_KEY": "sk-x",
        "OPENAI_BASE_URL": server.url,
        "MATCHME_LLM_CONCURRENCY": str(CONCURRENCY),
    }
    return open_models(load_settings(None, {**values, **environment}), url)


def _matchme(environment: dict[str, str], *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "matchme_pipeline.cli.main", *arguments],
        env=environment,
        cwd=environment["MATCHME_HOME"],
        capture_output=True,
        text=True,
    )
    if finished.returncode:
        raise SystemExit(f"matchme {' '.join(arguments)} failed: {finished.stderr[-2000:]}")
    return finished.stdout


def _in_a_process_of_its_own(name: str) -> None:
    subprocess.run([sys.executable, "-c", f"from {__name__} import {name}; {name}()"], check=True)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
