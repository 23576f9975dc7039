"""A week asked by batch: everybody in one batch a stage, and after kill -9 the same batch read by the next run."""

import os
import signal
import subprocess
import sys
import time

import pytest

from matchme_pipeline import settings
from matchme_pipeline.content import analysis
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.embeddings import item_jobs, update
from matchme_pipeline.llm.execution import batch_run
from matchme_pipeline_tests.materialising import WEEKS, materialise
from matchme_pipeline_tests.openai_server import FakeOpenAI

FIRST = WEEKS[0]
ASSETS = ("post_hashes", "content_insights", "post_embeddings")
RUN = """
import sys
from matchme_pipeline_tests.operations.test_batched_week import ASSETS, FIRST, materialise
materialise(sys.argv[1], FIRST, *ASSETS[:2], provider="openai")
"""


@pytest.fixture
def batched(paid: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> FakeOpenAI:
    """A server that is asked by batch, in stages that would otherwise claim a few members at a time."""
    monkeypatch.setenv("MATCHME_LLM_MODE", "batch")
    settings.process_settings.cache_clear()
    monkeypatch.setattr(analysis, "MEMBERS_CLAIMED_AT_ONCE", 9)
    monkeypatch.setattr(item_jobs, "MEMBERS_CLAIMED_AT_ONCE", 9)
    monkeypatch.setattr(update, "TEXTS_AT_ONCE", 20)
    monkeypatch.setattr(batch_run, "MAX_POLL_SECONDS", 0.05)
    return paid


def one(connection: Connection, statement: str) -> object:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def test_everything_due_goes_into_one_batch_a_stage(small_url: str, batched: FakeOpenAI):
    materialise(small_url, FIRST, *ASSETS, provider="openai")
    assert len(batched.batches.batches) == 2
    with connect(small_url) as connection:
        assert one(connection, "select array_agg(distinct status) from batch_processing_queue") == ["completed"]
        assert one(connection, "select sum(input_tokens + output_tokens)::bigint from llm_calls") == (
            batched.tokens[0] + batched.tokens[2]
        )


def test_a_week_killed_while_its_batch_runs_reads_that_batch_and_takes_over_its_claims(
    small_url: str, batched: FakeOpenAI
):
    batched.batches.looks = 1_000_000
    process = subprocess.Popen([sys.executable, "-c", RUN, small_url], env=dict(os.environ))
    with connect(small_url) as connection:
        until = time.monotonic() + 300
        while one(connection, "select count(provider_batch_id) from llm_batches") == 0 and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        lease = "select min(lease_expires_at) > now() + interval '25 hours' from batch_processing_queue"
        assert one(connection, lease) is True
        claimed = one(connection, "select count(*) from batch_processing_queue where status = 'processing'")
        assert claimed == one(connection, "select count(*) from batch_processing_queue")
        batched.batches.looks = 1
        materialise(small_url, FIRST, *ASSETS[:2], provider="openai")
        assert one(connection, "select count(*) from batch_processing_queue where status = 'completed'") == claimed
        assert one(connection, "select max(attempts) from batch_processing_queue") == 1
    assert len(batched.batches.batches) == 1
    assert not [request for request in batched.requests if request["kind"] == "chat"]
