"""Model calls: offline items a second on one core, many at once against serial, faults, a population at list prices.

Only the real client is driven, against the fake server of the tests on this machine.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import numpy as np
import psycopg
from openai import OpenAI

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.database.migrations import create_app_tables, migrate
from matchme_pipeline.llm.contracts import Models
from matchme_pipeline.llm.prices import Mode, TokenUsage, load_prices
from matchme_pipeline.llm.resource import open_models
from matchme_pipeline.population import latent
from matchme_pipeline.population.vocabulary import vocabulary
from matchme_pipeline.population.writing import caption
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items
from matchme_pipeline_tests.openai_server import FakeOpenAI, faults

MEMBERS, POSTS_EACH, CONCURRENCY = 1_000, 10, 64
SERIAL_CALLS = 12
FAULTY_MEMBERS = 500
ONE_CORE_POSTS = 3_000


def main() -> None:
    """Print one line a figure."""
    _in_a_process_of_its_own("one_core")
    with tempfile.TemporaryDirectory(prefix="matchme bench ") as home:
        server = EmbeddedServer(Path(home), durable=False)
        url = server.ensure_running()
        try:
            with connect(url, vectors=False) as connection:
                connection.execute("create extension if not exists vector")
                create_app_tables(connection, files.app_tables_dir())
                migrate(connection, files.migrations_dir())
            concurrency(url)
            faulty(url)
        finally:
            server.stop()
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


def faulty(url: str) -> None:
    """A tenth, then half of the calls end in a fault of some kind; what is lost, and whether the books agree."""
    every = (*faults.TRANSPORT, *faults.ANSWER)
    for share in (0.1, 0.5):
        with connect(url, vectors=False) as connection:
            connection.execute("truncate content_analyses, llm_calls cascade")
        with FakeOpenAI(latency_seconds=0.1, fault_rates=dict.fromkeys(every, share / len(every))) as server:
            items = members_items(FAULTY_MEMBERS, POSTS_EACH)
            started = time.perf_counter()
            with _models(server, url, MATCHME_LLM_TIMEOUT_SECONDS="2") as models:
                members = list(models.analyse(items, CONTEXT))
            seconds = time.perf_counter() - started
            with connect(url, vectors=False) as connection:
                booked = connection.execute(
                    "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
                ).fetchone()
            failed = sum(len(member.failures) for member in members)
            _say(f"{len(every)} kinds of fault in {share:.0%} of the calls: {len(items):,} posts in {seconds:.1f} s, "
                 f"{server.faults_served.total():,} faults, {failed / len(items):.2%} of the posts left to their job's "
                 f"next try, ledger {'equals' if booked == server.tokens else 'differs from'} the server")  # fmt: skip


def population() -> None:
    """The demonstration population, six weeks, at list prices; then the same again."""
    with tempfile.TemporaryDirectory(prefix="matchme bench ") as home, FakeOpenAI(latency_seconds=0.05) as server:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MATCHME_", "OPENAI_"))},
            "MATCHME_HOME": home,
            "MATCHME_LLM": "openai",
            "MATCHME_LLM_CONCURRENCY": str(CONCURRENCY),
            "OPENAI_API_KEY": "sk-x",
            "OPENAI_BASE_URL": server.url,
        }
        try:
            for occasion in ("first run", "second run"):
                before = len(server.requests)
                started = time.perf_counter()
                _matchme(environment, "demo")
                url = _matchme(environment, "db", "uri").strip()
                costs = "standard {standard:.2f} USD, flex {flex:.2f}, batch {batch:.2f}".format(**_costs(url))
                calls = len(server.requests) - before
                _say(f"demo population, {occasion}: {calls:,} calls, {time.perf_counter() - started:.0f} s; "
                     f"ledger in all: {costs}")  # fmt: skip
        finally:
            _matchme(environment, "db", "stop")


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
