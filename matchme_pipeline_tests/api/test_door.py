"""The door: limits, headers, one shape of errors, logs that give nothing away, figures for Prometheus."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr, ValidationError
from starlette.types import Message

from matchme_pipeline.api import middleware
from matchme_pipeline.api.app import create_app
from matchme_pipeline.api.queries import audit
from matchme_pipeline.api.rate_limit import RateLimit
from matchme_pipeline.api.service import POOL_SIZE
from matchme_pipeline.api.snapshots import FRESH_SECONDS, OLDEST_SECONDS, Snapshot
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.settings import Settings
from matchme_pipeline_tests.api.conftest import ADMIN, MEMBER, Api
from matchme_pipeline_tests.api.issuer import PARTY
from matchme_pipeline_tests.api.test_rights import failed_job


@pytest.mark.parametrize(
    "path",
    [
        "/api/batch/retry/1",
        "/api/batch/retry/';drop table batch_processing_queue;--",
        "/api/batch/runs/%00/cancel",
        "/api/insights/00000000-0000-0000-0000-00000000000g/approve",
        "/api/matches/-1/viewed",
    ],
)
def test_ids_that_are_no_ids_are_refused(api: Api, path: str):
    answer = api.post(path, ADMIN)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("user", ["x' or 'x'='x", "a" * 200, "user%00", "user\u202e", "..", "%2e%2e%2f"])
def test_a_member_id_that_is_none_is_refused(api: Api, user: str):
    assert api.get(f"/api/batch/queue/{user}", ADMIN).status_code in (200, 404, 422)
    assert api.get("/functions/v1/batch-queue", ADMIN, params={"userId": user}).status_code in (200, 422)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=1e9", f"limit={10**40}", "week=yesterday", "status=x"]
)
def test_parameters_out_of_range_are_refused(api: Api, query: str):
    assert api.get(f"/api/batch/history?{query}", ADMIN).status_code == 422


def test_a_megabyte_is_refused_whether_it_is_announced_or_not(api: Api):
    announced = api.post("/api/batch/trigger", ADMIN, content=b"x" * 1_000_000)

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 10_000

    trickled = api.post("/api/batch/trigger", ADMIN, content=pieces())
    for answer in (announced, trickled):
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:matchme:problem:body-too-large")


def test_a_body_that_does_not_come_is_waited_for_only_so_long(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.05)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", api.bearer(ADMIN)["Authorization"].encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/api/batch/trigger", "raw_path": b"", "query_string": b""}
    scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("testserver", 80), "scheme": "http"}
    asyncio.run(create_app(api.service)(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["type"] == "urn:matchme:problem:body-too-slow"


def test_headers_without_end_are_refused(api: Api):
    answer = api.client.get("/health", headers={"X-Filler": "x" * 40_000})
    assert (answer.status_code, answer.json()["type"]) == (431, "urn:matchme:problem:headers-too-large")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'{"week": "2026-01-04\\u0000"}', b"\xff\xfe", b'{"a":' * 5_000]
)
def test_a_body_that_is_no_request_is_refused(api: Api, body: bytes):
    answer = api.post("/api/batch/trigger", ADMIN, content=body)
    assert answer.status_code in (400, 422), answer.text


def test_paths_and_methods_that_do_not_exist_answer_in_the_same_shape(api: Api):
    for answer in (api.get("/nothing"), api.client.delete("/api/batch/status")):
        assert answer.status_code in (404, 405)
        assert set(answer.json()) >= {"type", "title", "status", "detail", "instance"}


def test_a_wrong_method_is_answered_with_all_the_right_ones(api: Api):
    assert api.client.delete("/functions/v1/admin-governance-rules").headers["allow"] == "GET, PUT"
    assert api.client.delete("/api/batch/trigger").headers["allow"] == "POST"


def test_a_surprise_is_a_problem_without_its_inside(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(api.service, "overview", None)
    answer = api.get("/api/batch/status", MEMBER)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:matchme:problem:unexpected")
    assert "NoneType" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["instance"]


def test_without_a_database_the_answer_is_503_and_health_still_says_ok(api: Api):
    api.service.pool.close()
    assert api.get("/api/dna", MEMBER).status_code == 503
    assert api.get("/ready").status_code == 503
    assert api.get("/health").status_code == 200


def test_a_caller_who_asks_too_often_is_told_when_to_come_back(api: Api):
    api.service.callers = RateLimit(per_minute=60, burst=3)
    statuses = [api.get("/api/dna", MEMBER).status_code for _ in range(5)]
    assert statuses[:3] == [200, 200, 200]
    refused = api.get("/api/dna", MEMBER)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert api.get("/api/dna", "user_patient").status_code == 200


def test_a_bucket_fills_again():
    now = [0.0]
    limit = RateLimit(per_minute=60, burst=2, now=lambda: now[0])
    assert [limit.take("a"), limit.take("a")] == [0, 0]
    assert limit.take("a") == pytest.approx(1)
    now[0] = 1.0
    assert limit.take("a") == 0


def test_only_the_apps_origins_may_read_answers(api: Api):
    def preflight(origin: str) -> dict[str, str]:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return dict(api.client.options("/api/batch/trigger", headers=headers).headers)

    assert preflight(PARTY)["access-control-allow-origin"] == PARTY
    assert "access-control-allow-origin" not in preflight("https://evil.example")


def test_a_refusal_can_be_read_by_the_apps_pages(api: Api):
    answer = api.client.get("/health?token=x", headers={"Origin": PARTY})
    assert answer.status_code == 400
    assert answer.headers["access-control-allow-origin"] == PARTY


def test_supabases_client_may_ask(api: Api):
    headers = {"Origin": PARTY, "Access-Control-Request-Method": "POST"}
    wanted = "authorization, apikey, content-type, x-client-info"
    answer = api.client.options(
        "/functions/v1/batch-queue", headers=headers | {"Access-Control-Request-Headers": wanted}
    )
    assert answer.status_code == 200


def test_every_answer_has_security_headers_and_an_id(api: Api):
    for answer in (api.get("/"), api.get("/health"), api.get("/nothing"), api.post("/api/batch/trigger")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"]
    assert (
        api.client.get("/health", headers={"X-Request-Id": "from-the-app-1"}).headers["x-request-id"]
        == "from-the-app-1"
    )
    assert api.client.get("/health", headers={"X-Request-Id": "a\tb;c"}).headers["x-request-id"] != "a\tb;c"


def test_the_log_has_a_line_a_request_without_tokens_ids_or_queries(
    api: Api, caplog: pytest.LogCaptureFixture, database: Connection
):
    caplog.set_level(logging.INFO)
    headers = api.bearer(MEMBER)
    api.client.get(f"/api/batch/queue/{MEMBER}?cursor=secret-text", headers=headers)
    (line,) = [json.loads(r.getMessage()) for r in caplog.records if r.name == "matchme.api"]
    assert (line["route"], line["method"], line["status"]) == ("/api/batch/queue/{user_id}", "GET", 422)
    everything = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("matchme"))
    for hidden in (MEMBER, "secret-text", headers["Authorization"][7:40]):
        assert hidden not in everything


def test_the_document_is_openapi_3_1_and_every_error_in_it_has_its_shape(api: Api):
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and path != "/ready":
                    kind = "application/json" if path.startswith("/functions/") else "application/problem+json"
                    assert list(answer["content"]) == [kind], (path, method, status)


def test_metrics_count_requests_by_route(api: Api):
    api.get(f"/api/batch/queue/{MEMBER}", MEMBER)
    text = api.get("/metrics", ADMIN).text
    assert re.search(
        r'matchme_api_requests_total\{method="GET",route="/api/batch/queue/\{user_id\}",status="200"\}', text
    )
    assert MEMBER not in text


def test_prometheus_reads_with_its_own_token_and_nothing_else_with_it(api: Api, database: Connection):
    failed_job(database, MEMBER)
    secret = "m" * 40
    api.service.settings = api.service.settings.model_copy(update={"metrics_token": SecretStr(secret)})

    def read(path: str, token: str) -> Any:
        return api.client.get(path, headers={"Authorization": f"Bearer {token}"})

    assert 'matchme_queue_jobs{job_type="content_analysis",state="failed"} 1.0' in read("/metrics", secret).text
    assert read("/metrics", secret[:-1]).status_code == 401
    assert read("/metrics", "").status_code == 401
    assert read("/api/batch/status", secret).status_code == 401
    with pytest.raises(ValidationError, match="32 characters"):
        Settings(MATCHME_METRICS_TOKEN="short")


def test_a_database_without_a_table_of_the_apps_says_so_without_its_statements(
    api: Api, database: Connection, caplog: pytest.LogCaptureFixture
):
    database.execute("drop table gamification_progress, user_insights cascade")
    answer = api.get("/api/insights/pending", MEMBER)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:matchme:problem:schema-differs")
    assert "user_insights" not in answer.text
    assert "user_insights" in caplog.text


def test_the_audit_says_what_stood_in_a_body_and_whose_jobs_were_read(api: Api, database: Connection):
    job = failed_job(database, MEMBER)
    api.post("/api/batch/trigger", ADMIN, json={"week": "2026-01-04"})
    api.post("/functions/v1/batch-retry", ADMIN, json={"jobId": str(job)})
    api.get("/functions/v1/batch-queue", ADMIN, params={"userId": MEMBER})
    api.get(f"/api/batch/queue/{MEMBER}", ADMIN)
    api.get(f"/api/batch/queue/{MEMBER}", MEMBER)
    rows = database.execute("select action, subject, outcome from api_audit order by id").fetchall()
    assert rows == [
        ("POST /api/batch/trigger", '{"run_type":"weekly_full","week":"2026-01-04"}', "done"),
        ("POST /functions/v1/batch-retry", f"job_id={job}", "done"),
        ("GET /functions/v1/batch-queue", f"user_id={MEMBER}", "read"),
        ("GET /api/batch/queue/{user_id}", f"user_id={MEMBER}", "read"),
    ]


def test_refused_callers_do_not_fill_the_audit(database: Connection):
    def refused() -> list[int]:
        row = database.execute(
            "select count(*) filter (where user_id = 'a'), count(*) filter (where user_id = 'b'), "
            "count(*) filter (where user_id = 'old') from api_audit"
        ).fetchone()
        return list(row or ())

    database.execute(
        "insert into api_audit (asked_at, user_id, action, subject, outcome, request_id) "
        "select now() - interval '1 year', 'old', 'x', '', outcome, '' from (values ('refused'), ('done')) o (outcome)"
    )
    first = audit.begin(database, "a", "POST /api/batch/trigger", "", "refused", "1")
    assert audit.begin(database, "a", "POST /api/batch/trigger", "another", "refused", "2") == first
    assert audit.begin(database, "b", "POST /api/batch/trigger", "", "refused", "3") != first
    # What an administrator did stays; a refusal of a year ago does not.
    assert refused() == [1, 1, 1]
    for number in range(2 * audit.MAX_REFUSALS_A_DAY):
        audit.begin(database, "a", f"GET /{number}", "", "refused", "4")
    assert refused() == [audit.MAX_REFUSALS_A_DAY, 1, 1]
    assert audit.begin(database, "a", "GET /1", "", "asked", "5") > first


def test_no_redirect_names_a_host_that_the_caller_claims(api: Api):
    for path in ("/api/cost/", "/api/cost//", "//evil.example/api/cost", "/health/", "/api/batch/status/"):
        answer = api.client.get(f"http://evil.example{path}", headers=api.bearer(ADMIN), follow_redirects=False)
        assert answer.status_code == 404, path
        assert "evil.example" not in str(answer.headers)


def test_while_every_connection_is_taken_the_answer_is_503_and_then_it_works_again(api: Api):
    taken = [api.service.pool.getconn() for _ in range(POOL_SIZE)]
    api.service.pool.timeout = 0.05
    assert api.get("/api/dna", MEMBER).status_code == 503
    assert api.get("/health").status_code == 200
    for connection in taken:
        api.service.pool.putconn(connection)
    assert api.get("/api/dna", MEMBER).status_code == 200


def test_a_statement_that_takes_too_long_is_ended(api: Api):
    with api.service.connection() as connection:
        assert connection.execute("show statement_timeout").fetchone() == ("10s",)
    with api.service.pool.connection() as connection:
        assert connection.execute("show statement_timeout").fetchone() == ("0",)


def test_a_count_is_made_once_for_many_and_shown_until_it_is_old():
    now, counts = [0.0], []

    def count() -> int:
        counts.append(now[0])
        return len(counts)

    snapshot = Snapshot(count, now=lambda: now[0])
    assert [snapshot.get().value, snapshot.get().value] == [1, 1]
    now[0] = OLDEST_SECONDS + 1
    assert snapshot.get().value == 2
    now[0] += FRESH_SECONDS + 1
    # Shown as it is, and counted anew beside it.
    assert snapshot.get().value == 2
    for _ in range(6000):
        if len(counts) == 3:
            break
        time.sleep(0.01)
    assert snapshot.get().value == 3


def test_a_count_that_fails_is_made_again():
    answers: list[Any] = [psycopg.OperationalError(), 7]

    def count() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    snapshot = Snapshot(count)
    with pytest.raises(psycopg.OperationalError):
        snapshot.get()
    assert snapshot.get().value == 7
