"""Who may see the operations page and press its buttons, and what other sites can make of it: nothing."""

import pytest
from fastapi.testclient import TestClient

from matchme_pipeline.api.app import create_app
from matchme_pipeline.api.page.session import form_key
from matchme_pipeline.database.connection import Connection
from matchme_pipeline_tests.api.conftest import ADMIN, MEMBER, Api
from matchme_pipeline_tests.api.test_rights import failed_job


def browser(api: Api, user: str) -> TestClient:
    # The issuer is configured, so the page's cookie travels over https alone.
    client = TestClient(create_app(api.service), base_url="https://testserver", raise_server_exceptions=False)
    client.post("/session", data={"token": api.issuer.token(user)}, follow_redirects=False)
    return client


def test_the_page_asks_strangers_to_sign_in_and_members_to_be_administrators(api: Api):
    assert "Session token of an administrator" in api.get("/").text
    for token, status in (("nonsense", 401), (api.issuer.token(MEMBER), 403)):
        refused = api.client.post("https://testserver/session", data={"token": token})
        assert (refused.status_code, "Not accepted" in refused.text) == (status, True)
        assert "set-cookie" not in refused.headers


def test_the_pages_cookie_is_closed_to_scripts_and_other_sites(api: Api):
    answer = api.client.post(
        "https://testserver/session", data={"token": api.issuer.token(ADMIN)}, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"].lower()
    for needed in ("__host-", "httponly", "samesite=strict", "secure", "path=/"):
        assert needed in cookie
    assert api.issuer.token(ADMIN).rsplit(".", 1)[1].lower() not in cookie


def test_over_plain_http_nobody_signs_in_where_an_issuer_is_configured(api: Api):
    refused = api.client.post("/session", data={"token": api.issuer.token(ADMIN)})
    assert (refused.status_code, "https" in refused.text) == (403, True)


def test_a_session_outlives_its_token_and_ends_here_when_its_owner_signs_out(api: Api):
    client = browser(api, ADMIN)
    stolen = dict(client.cookies)
    assert "Current run" in client.get("/").text
    client.post("/session/end")
    thief = TestClient(create_app(api.service), base_url="https://testserver", cookies=stolen)
    assert "Session token of an administrator" in thief.get("/").text


def test_an_administrator_who_is_one_no_more_sees_and_does_nothing(api: Api, database: Connection):
    database.execute("insert into user_roles (user_id, role) values ('user_role', 'admin')")
    job = failed_job(database, MEMBER)
    client = browser(api, "user_role")
    key = form_key(next(iter(client.cookies.values())))
    assert client.get("/").status_code == 200
    database.execute("delete from user_roles")
    assert client.get("/").status_code == 403
    assert client.post(f"/page/retry/{job}", data={"form_key": key}).status_code == 403


@pytest.mark.parametrize(
    "header",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=lambda header: str(header),
)
def test_a_form_that_another_site_sends_is_refused(api: Api, database: Connection, header: dict[str, str]):
    job = failed_job(database, MEMBER)
    client = browser(api, ADMIN)
    key = form_key(next(iter(client.cookies.values())))
    for path in (f"/page/retry/{job}", f"/page/discard/{job}", "/session/end"):
        assert client.post(path, data={"form_key": key}, headers=header).status_code == 403
    assert client.post("/session", data={"token": api.issuer.token(ADMIN)}, headers=header).status_code == 403
    assert database.execute("select status from batch_processing_queue").fetchone() == ("failed",)


def test_the_pages_button_retries_a_job_and_a_form_from_elsewhere_does_not(api: Api, database: Connection):
    job = failed_job(database, MEMBER)
    client = browser(api, ADMIN)
    page = client.get("/").text
    assert "it broke" in page
    token = next(iter(client.cookies.values()))
    assert form_key(token) in page
    foreign = client.post(f"/page/retry/{job}", data={"form_key": "0" * 64})
    assert foreign.status_code == 403
    pressed = client.post(f"/page/retry/{job}", data={"form_key": form_key(token)}, follow_redirects=False)
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/#failures")
    again = client.post(f"/page/retry/{job}", data={"form_key": form_key(token)})
    assert (again.status_code, "only failed jobs" in again.text) == (409, True)


def test_what_stands_in_an_error_is_shown_as_text(api: Api, database: Connection):
    failed_job(database, MEMBER)
    database.execute("update batch_processing_queue set last_error = '<script>alert(1)</script>'")
    page = browser(api, ADMIN).get("/").text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
