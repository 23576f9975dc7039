"""The OpenAPI document against the service: whatever a client sends, the answer is one that the document promises."""

from collections.abc import Iterator
from typing import Any

import hypothesis.errors
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.settings import Settings
from matchme_pipeline_tests.api.conftest import ADMIN, Api
from matchme_pipeline_tests.api.reference import DOCUMENT, as_markdown, in_place
from matchme_pipeline_tests.api.test_rights import failed_job

# Not among them: that whatever fits the document is taken. A day that is no Sunday, or a cursor that nobody handed out,
# fits it and is refused all the same.
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
REQUESTS = 6


@pytest.fixture
def ids(lived_in: Api) -> Iterator[dict[str, list[str]]]:
    """What paths may name, so that requests get beyond `there is no such thing`."""
    with connect(str(lived_in.service.pool.conninfo), vectors=False) as connection:
        member = first_column(connection, "select user_id from weekly_matches group by 1 order by count(*) desc, 1")[0]
        yield {
            "user_id": [member],
            "job_id": [str(failed_job(connection, member)) for _ in range(3)],
            "run_id": first_column(connection, "select dagster_run_id from batch_run_history"),
            "insight_id": first_column(
                connection, "select id::text from user_insights where clerk_user_id = %s", member
            ),
            "match_id": first_column(connection, "select id::text from weekly_matches where user_id = %s", member),
        }


def first_column(connection: Connection, statement: str, *parameters: object) -> list[str]:
    return [row[0] for row in connection.execute(statement, parameters).fetchall()]  # type: ignore[arg-type]


@pytest.mark.parametrize("caller", ["admin", "member"])
def test_no_request_gets_an_answer_that_is_not_in_the_document(lived_in: Api, ids: dict[str, list[str]], caller: str):
    document = lived_in.get("/openapi.json").json()
    user = ADMIN if caller == "admin" else ids["user_id"][0]
    seen: dict[str, set[int]] = {}
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            statuses = seen.setdefault(operation.label, set())
            try:
                statuses |= set(ask_variously(lived_in, user, operation.as_strategy(generation_mode=mode), ids))
            except hypothesis.errors.Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE
    assert len(seen) == sum(len(methods) for methods in document["paths"].values())
    assert all(seen.values())
    # The known ids lead beyond `there is no such thing`.
    assert 200 in seen["POST /api/matches/{match_id}/viewed"] | seen["POST /api/batch/retry/{job_id}"]


def test_every_operation_says_what_it_does_and_shows_an_answer_that_fits(api: Api):
    document = api.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            assert all(parameter["description"] for parameter in operation.get("parameters", [])), (method, path)
            body = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))[
                "content"
            ]
            if "application/json" in body:
                schema = body["application/json"]["schema"] | {"components": document["components"]}
                Draft202012Validator(schema).validate(body["application/json"]["example"])


def test_the_documentation_lists_every_endpoint_as_the_document_has_it(api: Api):
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == in_place(text, as_markdown(api.get("/openapi.json").json()))


def test_the_documentation_names_every_setting_of_the_api():
    text = DOCUMENT.read_text(encoding="utf-8")
    ours = ("MATCHME_CLERK_", "MATCHME_CORS_", "MATCHME_API_", "MATCHME_METRICS_", "ADMIN_USER_IDS")
    for field in Settings.model_fields.values():
        if str(field.alias).startswith(ours):
            assert f"`{field.alias}`" in text


def ask_variously(api: Api, user: str, cases: st.SearchStrategy[Any], ids: dict[str, list[str]]) -> list[int]:
    """Send what the strategy makes of an operation, hold the answers against the document; their statuses."""
    load_all_checks()
    checks: list[Any] = [CHECKS.get_one(name) for name in CHECKED]
    statuses = []

    @settings(
        max_examples=REQUESTS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, is_known=st.booleans(), number=st.integers(0, 2))
    def ask(case: Any, is_known: bool, number: int) -> None:
        for name in set(case.path_parameters) & set(ids) if is_known else ():
            case.path_parameters[name] = ids[name][number % len(ids[name])]
        sent = case.as_transport_kwargs(headers=api.bearer(user))
        sent.pop("cookies", None)
        answer = api.client.request(**sent)
        case.validate_response(answer, checks=checks)
        statuses.append(answer.status_code)

    ask()
    return statuses
