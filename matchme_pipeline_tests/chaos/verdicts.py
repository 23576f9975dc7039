"""What must hold after the plain re-run, each rule judged from the database's and the server's own records."""

from collections import Counter
from dataclasses import dataclass, field

from matchme_pipeline.database.connection import Connection
from matchme_pipeline_tests.chaos.model_server import CountingServer
from matchme_pipeline_tests.chaos.rows import Rows, differences
from matchme_pipeline_tests.chaos.world import CONCURRENCY


@dataclass
class Verdict:
    """What a round came to; an empty list of faults is a pass. Counts are over jobs and answers."""

    equal: bool = True
    jobs_lost: int = 0
    done_twice: int = 0
    paid_twice: int = 0
    in_flight_lost: int = 0
    faults: list[str] = field(default_factory=list)


def judge_rows(verdict: Verdict, expected: Rows, found: Rows) -> None:
    """The rows are exactly those of an undisturbed run."""
    differing = differences(expected, found)
    verdict.equal = not differing
    verdict.faults += [str(difference) for difference in differing]


def judge_jobs(verdict: Verdict, connection: Connection, expected: set[tuple[str, str, str]]) -> None:
    """Every job of an undisturbed run is there and completed, and none was completed twice for the same work."""
    rows = connection.execute(
        "select job_type, subject, week::text, status, last_error from batch_processing_queue"
    ).fetchall()
    open_jobs = [row for row in rows if row[3] != "completed"]
    lost = expected - {(kind, subject, week) for kind, subject, week, _, _ in rows}
    verdict.jobs_lost = len(lost) + len(open_jobs)
    if verdict.jobs_lost:
        verdict.faults.append(f"{len(lost)} jobs missing, {len(open_jobs)} not completed, e.g. {open_jobs[:2]}")
    twice = connection.execute(
        """
        select job_type, count(*)
        from (
            select job_type, subject, week, fingerprint
            from chaos.completions
            group by 1, 2, 3, 4
            having count(*) > 1
        ) t
        group by 1
        """
    ).fetchall()
    verdict.done_twice = sum(count for _, count in twice)
    if twice:
        verdict.faults.append(f"jobs completed twice: {dict(twice)}")


def judge_money(
    verdict: Verdict, connection: Connection, server: CountingServer, cut_off: int, once: Counter[str]
) -> None:
    """The ledger holds what the server billed, but for calls in flight at a kill; no other answer is paid again.

    `cut_off`: processes that lost the calls they had on their way; `once`: how often an undisturbed run is answered
    about each content.
    """
    booked = {
        request_id: (input_tokens, output_tokens)
        for request_id, input_tokens, output_tokens in connection.execute(
            "select request_id, input_tokens, output_tokens from llm_calls where request_id is not null"
        )
    }
    billed = {d.request_id: (d.input_tokens, d.output_tokens) for d in server.deliveries}
    wrong = {i for i, tokens in booked.items() if billed.get(i) != tokens}
    if wrong:
        verdict.faults.append(f"{len(wrong)} calls stand in the ledger otherwise than billed")
    unbooked = billed.keys() - booked.keys()
    verdict.in_flight_lost = len(unbooked)
    if len(unbooked) > cut_off * CONCURRENCY:
        verdict.faults.append(f"{len(unbooked)} paid calls are in no ledger, {cut_off} processes were cut off")
    paid = server.clean_payments(set(booked))
    again = {content: count - once[content] for content, count in paid.items() if count > once[content]}
    verdict.paid_twice = sum(again.values())
    if again:
        verdict.faults.append(f"{sum(again.values())} answers paid again, e.g. {next(iter(again))[:120]}")


def judge_history(verdict: Verdict, connection: Connection, killed_runs: set[str]) -> None:
    """No row stands as running, no killed run as completed, and every row's tokens are the ledger's."""
    rows = connection.execute(
        """
        select h.dagster_run_id, h.status, h.tokens_used, h.completed_at is not null,
            coalesce((select sum(l.input_tokens + l.output_tokens) from llm_calls l
                      where l.dagster_run_id = h.dagster_run_id), 0)
        from batch_run_history h
        """
    ).fetchall()
    for run_id, status, tokens, has_end, ledger in rows:
        if status == "running" or not has_end:
            verdict.faults.append(f"history: run {run_id} stands as {status}, end written: {has_end}")
        if run_id in killed_runs and status == "completed":
            verdict.faults.append(f"history: the killed run {run_id} stands as completed")
        if tokens != ledger:
            verdict.faults.append(f"history: run {run_id} ({status}) has {tokens} tokens, the ledger {ledger}")
    unfinished = connection.execute(
        "select run_id, status from dagster.runs where status not in ('SUCCESS', 'FAILURE', 'CANCELED')"
    ).fetchall()
    if unfinished:
        verdict.faults.append(f"Dagster still shows {unfinished}")
