"""Every endpoint as nobody, member, other member and administrator."""

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from matchme_pipeline.api.app import create_app
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline_tests.api.conftest import ADMIN, Api
from matchme_pipeline_tests.api.reference import DOCUMENT
from matchme_pipeline_tests.api.rights import CALLERS, RIGHTS, Endpoint, as_markdown


@pytest.fixture
def things(lived_in: Api) -> Iterator[dict[str, str]]:
    """What the paths name: a member with matches, two pending insights, failed jobs, a run that is over."""
    with connect(str(lived_in.service.pool.conninfo), vectors=False) as connection:
        member = one(
            connection,
            "select m.user_id from weekly_matches m join user_insights i on i.clerk_user_id = m.user_id "
            "where i.status = 'pending' group by 1 having count(distinct i.id) > 3 order by 1 limit 1",
        )
        connection.execute("update user_insights set expires_at = now() + interval '1 day' where status = 'pending'")
        insights = connection.execute(
            "select id::text from user_insights where clerk_user_id = %s and status = 'pending' order by 1", [member]
        ).fetchall()
        failed = [str(failed_job(connection, member)) for _ in range(3)]
        other = one(connection, "select max(user_id) from weekly_matches where user_id <> %s", member)
        for user_id, tier in ((member, "gold_plus"), (other, "free")):
            connection.execute("update profiles set subscription_tier = %s where clerk_user_id = %s", [tier, user_id])
        yield {
            "member": member,
            "other": other,
            "rule": one(
                connection,
                "insert into governance_rules (rule_name, rule_type, action) values ('day', 'daily_limit', 'warn') "
                "returning id",
            ),
            "insight": insights[0][0],
            "other_insight": insights[1][0],
            "third_insight": insights[2][0],
            "fourth_insight": insights[3][0],
            "match": one(connection, "select min(id::text) from weekly_matches where user_id = %s", member),
            "run": create_run_for_test(
                lived_in.service.dagster._instance, job_name="weekly_batch", status=DagsterRunStatus.SUCCESS
            ).run_id,
            **dict(zip(("failed_job", "other_failed_job", "third_failed_job"), failed, strict=True)),
        }


def one(connection: Connection, statement: str, *parameters: object) -> str:
    row = connection.execute(statement, parameters).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return str(row[0])


def failed_job(connection: Connection, user_id: str) -> UUID:
    row = connection.execute(
        "insert into batch_processing_queue (user_id, job_type, subject, week, status, attempts, last_error) "
        "values (%s, 'content_analysis', %s, '2026-01-04', 'failed', 3, 'it broke') returning id",
        [user_id, uuid4().hex],
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def ask(api: Api, endpoint: Endpoint, user: str | None, things: dict[str, str]) -> int:
    body = {name: value.format(**things) for name, value in endpoint.body.items()} if endpoint.body else None
    headers = api.bearer(user) if user else {}
    answer = api.client.request(endpoint.method, endpoint.path.format(**things), headers=headers, json=body)
    if answer.status_code >= 400 and endpoint.path.startswith("/functions/"):
        assert answer.headers["content-type"] == "application/json", answer.text
        assert isinstance(answer.json()["error"], str)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    elif answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert answer.json()["status"] == answer.status_code
    return int(answer.status_code)


def test_everybody_may_do_what_the_table_says_and_nothing_else(lived_in: Api, things: dict[str, str]):
    users = {"anonymous": None, "member": things["member"], "other member": things["other"], "admin": ADMIN}
    wrong = []
    for endpoint in RIGHTS:
        for caller in ("anonymous", "other member", "member", "admin"):
            got = ask(lived_in, endpoint, users[caller], things)
            expected = endpoint.expected[CALLERS.index(caller)]
            if got != expected:
                wrong.append(f"{endpoint.method} {endpoint.path} as {caller}: {got}, not {expected}")
    assert wrong == []


def test_the_table_names_every_endpoint(lived_in: Api):
    documented = {
        (method.upper(), re.sub("{.*?}", "{}", path))
        for path, methods in create_app(lived_in.service).openapi()["paths"].items()
        for method in methods
    }
    named = {(endpoint.method, re.sub("{.*?}", "{}", endpoint.path.split("?")[0])) for endpoint in RIGHTS}
    assert named - {("GET", "/openapi.json")} == documented


def test_the_documentation_shows_this_table():
    assert as_markdown() in DOCUMENT.read_text(encoding="utf-8")


def test_what_administrators_did_and_who_tried_is_recorded(lived_in: Api, things: dict[str, str]):
    lived_in.post(f"/api/batch/retry/{things['failed_job']}", ADMIN)
    lived_in.post(f"/api/batch/retry/{things['failed_job']}", ADMIN)
    lived_in.post(f"/api/batch/retry/{things['failed_job']}", things["other"])
    with lived_in.service.connection() as connection:
        rows = connection.execute("select user_id, action, subject, outcome from api_audit order by id").fetchall()
    action, subject = "POST /api/batch/retry/{job_id}", f"job_id={things['failed_job']}"
    assert rows == [
        (ADMIN, action, subject, "done"),
        (ADMIN, action, subject, "problem 409 not-failed"),
        (things["other"], action, subject, "refused"),
    ]


def test_a_role_in_the_database_makes_an_administrator_and_taking_it_away_ends_that(lived_in: Api):
    assert lived_in.get("/api/batch/history", "user_promoted").status_code == 403
    with lived_in.service.connection() as connection:
        connection.execute("insert into user_roles (user_id, role) values ('user_promoted', 'admin')")
    assert lived_in.get("/api/batch/history", "user_promoted").status_code == 200
    with lived_in.service.connection() as connection:
        connection.execute("delete from user_roles")
    assert lived_in.get("/api/batch/history", "user_promoted").status_code == 403
