"""Paid once: through kill -9, through faults at every second call, between two processes and one budget."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal

from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items
from matchme_pipeline_tests.openai_server import faults

RUN = """
import sys
from matchme_pipeline.errors import BudgetExceededError
from matchme_pipeline.llm.resource import open_models
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items
with open_models(load_settings(None), sys.argv[1]) as session:
    try:
        list(session.analyse(members_items(int(sys.argv[2]), 2)[int(sys.argv[3]) :], CONTEXT))
    except BudgetExceededError:
        sys.exit(3)
"""


def start(server, url, members, skip=0, **environment):
    values = {"MATCHME_LLM": "openai", "OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": server.url, **environment}
    return subprocess.Popen([sys.executable, "-c", RUN, url, str(members), str(skip)], env={**os.environ, **values})


def times_asked(server):
    posts = [post for r in server.requests for post in json.loads(r["body"]["messages"][1]["content"])["posts"]]
    return Counter(post["text"] for post in posts)


def test_after_kill_9_only_calls_that_were_on_their_way_are_paid_again(server, models, app_database_url, app_database):
    server.latency_seconds = 0.1
    process = start(server, app_database_url, 200, MATCHME_LLM_CONCURRENCY="8")
    deadline = time.monotonic() + 240
    while server.billed["chat"].requests < 60 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with models() as session:
        results = list(session.analyse(members_items(200, 2), CONTEXT))
    assert sum(len(member.analyses) for member in results) == 400
    asked = times_asked(server)
    assert len(asked) == 400
    # Two posts a request, eight requests on their way.
    assert sum(times > 1 for times in asked.values()) <= 2 * 8
    assert max(asked.values()) == 2


def test_with_faults_of_every_kind_no_post_is_lost_and_every_token_is_booked(server, models, app_database):
    server.fault_rates = dict.fromkeys((*faults.TRANSPORT, *faults.ANSWER, "fenced", "empty_list"), 0.02)
    with models(MATCHME_LLM_TIMEOUT_SECONDS=1, MATCHME_LLM_CONCURRENCY=32) as session:
        results = list(session.analyse(members_items(150, 5), CONTEXT))
    failures = [failure for member in results for failure in member.failures]
    assert sum(len(member.analyses) for member in results) + len(failures) == 750
    assert len(failures) <= 3
    booked = app_database.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
    ).fetchone()
    assert booked == server.tokens
    valid = [a for member in results for a in member.analyses if a.insights]
    assert len(valid) >= 700
    assert set(server.well_answered.values()) == {1}
    kept = app_database.execute("select count(*) from content_analyses").fetchone()
    assert kept == (750 - len(failures),)


def test_two_processes_that_ask_the_same_pay_once_between_them(server, app_database_url, app_database):
    server.latency_seconds = 0.05
    processes = [start(server, app_database_url, 150, MATCHME_LLM_CONCURRENCY="8") for _ in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    assert set(times_asked(server).values()) == {1}
    assert app_database.execute("select count(*) from content_analyses").fetchone() == (300,)
    assert app_database.execute("select count(*) from llm_underway").fetchone() == (0,)


def test_two_processes_together_stay_within_one_budget(server, app_database_url, app_database):
    server.latency_seconds = 0.02
    limit = {"MATCHME_WEEKLY_BUDGET_USD": "0.012", "MATCHME_LLM_CONCURRENCY": "4"}
    processes = [start(server, app_database_url, 150, skip, **limit) for skip in (0, 150)]
    codes = [process.wait(timeout=300) for process in processes]
    spent, calls = app_database.execute("select sum(cost_usd), count(*) from llm_calls").fetchone()
    assert 3 in codes
    assert Decimal("0.006") < spent <= Decimal("0.012")
    assert calls < 150
