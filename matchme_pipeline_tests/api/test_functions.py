"""The functions that the app calls: every answer as its contract says, in both layouts of the scores."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from jsonschema_rs import Draft202012Validator

from matchme_pipeline.api.functions import contract
from matchme_pipeline.api.functions.dna import originality_label
from matchme_pipeline.api.functions.match_display import reasons
from matchme_pipeline.api.leaderboards import Leaderboards
from matchme_pipeline.api.overview import overview
from matchme_pipeline.api.snapshots import Snapshot
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.dna.queries import publish_newest_week
from matchme_pipeline_tests.api.conftest import ADMIN, Api
from matchme_pipeline_tests.api.issuer import PARTY
from matchme_pipeline_tests.api.reference import DOCUMENT
from matchme_pipeline_tests.api.test_rights import failed_job, one
from matchme_pipeline_tests.dna.test_published import LATER

CALLED = [(name, method) for name, methods in contract.contract()["functions"].items() for method in methods]


@dataclass
class App:
    """The app's client, as one member sees it, over a database that a test may change."""

    api: Api
    connection: Connection
    member: str

    def call(self, name: str, user: str | None = None, *, status: int = 200, method: str = "", **sent: Any) -> Any:
        """Call a function; its answer, which fits the contract."""
        verb = method or next(iter(contract.contract()["functions"][name]))
        answer = self.api.client.request(
            verb.upper(), f"/functions/v1/{name}", headers=self.api.bearer(user or self.member), **sent
        )
        assert answer.status_code == status, (name, answer.status_code, answer.text)
        found = answer.json()
        if status < 400:
            Draft202012Validator(contract.answer_schema(name, verb)).validate(found)
        else:
            assert isinstance(found["error"], str)
        return found

    def value(self, statement: str, *parameters: object) -> Any:
        row = self.connection.execute(statement, parameters).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row[0]

    def leaderboard(self, user: str | None = None, **params: str) -> Any:
        """The leaderboard as it is now, not as it was when somebody asked before."""
        self.api.service.leaderboards = Leaderboards(self.api.service.connection)
        return self.call("dna-leaderboard", user, params=params)

    def tier(self, tier: str | None, user: str | None = None) -> None:
        self.connection.execute(
            "update profiles set subscription_tier = %s where clerk_user_id = %s", [tier, user or self.member]
        )


@pytest.fixture(params=["audit", "later"])
def app(request: pytest.FixtureRequest, lived_in: Api) -> Iterator[App]:
    """A member on Gold Plus with a score, matches and a rare trait, in each layout of the scores."""
    with connect(str(lived_in.service.pool.conninfo), vectors=False) as connection:
        if request.param == "later":
            connection.execute(LATER.read_text("utf-8"))  # type: ignore[arg-type]
            with connection.transaction():
                publish_newest_week(connection)
        member = one(
            connection,
            "select h.user_id from dna_score_history h join weekly_matches m on m.user_id = h.user_id "
            "where not h.seed_state and jsonb_array_length(h.rare_traits) > 0 "
            "and h.week = (select max(week) from dna_score_history) order by h.user_id limit 1",
        )
        found = App(lived_in, connection, member)
        found.tier("gold_plus")
        yield found


def test_every_function_of_the_contract_answers_as_it_says(app: App):
    insights = [
        str(row[0])
        for row in app.connection.execute(
            "insert into user_insights (clerk_user_id, insight_category, title, description) "
            "select %s, 'values', 'Promises ' || n, 'Says what they do.' from generate_series(1, 2) n returning id",
            [app.member],
        ).fetchall()
    ]
    rule = app.value(
        "insert into governance_rules (rule_name, rule_type, action) values ('a', 'spam', 'block') returning id::text"
    )
    match = app.value("select id::text from weekly_matches where user_id = %s limit 1", app.member)
    bodies: dict[tuple[str, str], dict[str, Any]] = {
        ("batch-trigger", "post"): {},
        ("batch-retry", "post"): {"job_id": str(failed_job(app.connection, app.member))},
        ("insights-approve", "post"): {"insightId": insights[0]},
        ("insights-reject", "post"): {"id": insights[1]},
        ("match-action", "post"): {"matchId": match, "action": "liked"},
        ("admin-governance-rules", "put"): {"id": rule, "is_active": False, "priority": 3},
    }
    for name, method in CALLED:
        who = contract.contract()["functions"][name][method]["who"]
        user = ADMIN if who == "administrators" else app.member
        status = contract.success_status(contract.contract()["functions"][name][method])
        more = {"json": bodies[name, method] | {"aField": "nobody knows"}} if (name, method) in bodies else {}
        app.call(name, user, status=status, method=method, params={"unknown": "1"}, **more)


def test_a_wrong_method_and_a_function_that_is_not_here_are_errors_in_the_apps_shape(app: App):
    for name, methods in contract.contract()["functions"].items():
        for method in {"get", "post", "put", "delete", "patch"} - set(methods):
            answer = app.api.client.request(method, f"/functions/v1/{name}", headers=app.api.bearer(ADMIN))
            assert answer.status_code == 405, (method, name)
            assert answer.json()["error"]
            assert set(answer.headers["allow"].split(", ")) == {one.upper() for one in methods}
    for path in ("/functions/v1/chat", "/functions/v1/", "/functions/v2/dna-score", "/functions/v1/dna-score/"):
        answer = app.api.get(path, app.member)
        assert answer.status_code == 404
        assert set(answer.json()) == {"error", "request_id"}


def test_the_apps_preflight_is_answered_for_every_method(app: App):
    for name, method in CALLED:
        answer = app.api.client.options(
            f"/functions/v1/{name}",
            headers={
                "Origin": PARTY,
                "Access-Control-Request-Method": method.upper(),
                "Access-Control-Request-Headers": "authorization, x-client-info, apikey, content-type",
            },
        )
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == PARTY
        assert method.upper() in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"[" * 50_000, b"\xff"])
def test_a_body_that_is_no_object_is_a_sentence(app: App, body: bytes):
    answer = app.api.client.post("/functions/v1/insights-approve", headers=app.api.bearer(app.member), content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The body ")


def test_no_token_is_an_error_in_the_apps_shape(app: App):
    answer = app.api.client.get("/functions/v1/dna-score")
    assert answer.status_code == 401
    assert answer.json()["error"].endswith(".")


def test_history_is_pages_of_whole_rows_the_newest_first(app: App):
    first = app.call("batch-history", ADMIN, params={"limit": "1"})
    assert (first["limit"], first["offset"], len(first["history"])) == (1, 0, 1)
    everything = app.call("batch-history", ADMIN, params={"limit": "100"})
    assert first["total"] == len(everything["history"]) > 1
    assert [row["started_at"] for row in everything["history"]] == sorted(
        (row["started_at"] for row in everything["history"]), reverse=True
    )
    second = app.call("batch-history", ADMIN, params={"limit": "1", "offset": "1"})
    assert second["history"] == everything["history"][1:2]
    assert app.call("batch-history", ADMIN, params={"limit": "9999"})["limit"] == 100
    app.call("batch-history", ADMIN, status=400, params={"limit": "many"})


def test_members_read_the_state_without_costs_and_reasons(app: App):
    app.connection.execute(
        "update batch_run_history set tokens_used = 7, api_cost_cents = 3, worker = 'a-machine:7', "
        'error_log = \'[{"error": "a reason"}]\', metadata = \'{"job": "x"}\''
    )
    seen = app.call("batch-status")["last_completed_run"]
    assert (seen["tokens_used"], seen["api_cost_cents"], seen["error_log"], seen["metadata"]) == (0, 0, [], {})
    assert "a-machine" not in str(app.call("batch-status"))
    seen = app.call("batch-status", ADMIN)["last_completed_run"]
    assert (seen["tokens_used"], seen["api_cost_cents"], seen["error_log"]) == (7, 3, [{"error": "a reason"}])


def test_a_queue_is_by_priority_and_time_and_hides_why_from_members(app: App):
    app.connection.execute("delete from batch_processing_queue where user_id = %s", [app.member])
    app.connection.execute(
        "insert into batch_processing_queue (user_id, job_type, status, priority, scheduled_for, last_error) values "
        "(%(m)s, 'dna_recalculation', 'pending', 6, now(), null), "
        "(%(m)s, 'dna_recalculation', 'failed', 2, now(), 'why'), "
        "(%(m)s, 'dna_recalculation', 'retry', 2, now() - interval '1 hour', null), "
        "(%(m)s, 'dna_recalculation', 'completed', 1, now(), null), "
        "(%(m)s, 'dna_recalculation', 'processing', 9, 'infinity', null)",
        {"m": app.member},
    )
    found = app.call("batch-queue")
    assert [job["status"] for job in found["queue"]] == ["retry", "failed", "pending", "processing"]
    assert found["userId"] == app.member
    assert "why" not in str(found)
    assert "why" in str(app.call("batch-queue", ADMIN, params={"userId": app.member}))
    app.call("batch-queue", status=403, params={"userId": ADMIN})


def test_a_job_that_has_not_failed_is_not_retried(app: App):
    job = str(failed_job(app.connection, app.member))
    assert app.call("batch-retry", ADMIN, json={"jobId": job})["job"]["status"] == "retry"
    assert app.call("batch-retry", ADMIN, status=400, json={"jobId": job})["current_status"] == "retry"
    app.call("batch-retry", ADMIN, status=400, json={})
    app.call("batch-retry", ADMIN, status=404, json={"jobId": str(uuid4())})
    app.call("batch-retry", ADMIN, status=404, json={"jobId": "not an id"})


@pytest.mark.parametrize(
    ("run_type", "launched"), [("manual", "weekly_full"), (None, "weekly_full"), ("daily_incremental",) * 2]
)
def test_a_trigger_answers_with_the_row_that_the_run_will_have(app: App, run_type: str | None, launched: str):
    found = app.call("batch-trigger", ADMIN, json={"run_type": run_type} if run_type else {})
    assert found["stats"]["total_jobs"] == 0
    assert app.call("batch-trigger", ADMIN, json={"run_type": run_type} if run_type else {})["runId"] == found["runId"]
    assert [kind for kind, _ in app.api.launch_all()] == [launched]
    app.call("batch-trigger", ADMIN, status=400, json={"run_type": "yearly"})


def test_a_verdict_comes_back_with_the_points_after_it(app: App):
    insight = app.value(
        "insert into user_insights (clerk_user_id, insight_category, title, description, created_at) "
        "values (%s, 'values', 'Keeps promises', 'Says what they do.', '2020-01-01') returning id::text",
        app.member,
    )
    before = app.value(
        "select coalesce(max(total_points), 0) from gamification_progress where clerk_user_id = %s", app.member
    )
    assert app.call("insights-pending")["insights"][0]["id"] == insight
    found = app.call("insights-approve", json={"insightId": insight})
    assert found["insight"]["status"] == "approved"
    assert found["progress"]["total_points"] > before
    assert found["progress"]["total_points"] == app.value(
        "select total_points from gamification_progress where clerk_user_id = %s", app.member
    )
    approved = app.call("insights-approved", params={"limit": 1})
    assert approved["insights"][0]["id"] == insight
    assert approved["total"] == app.value(
        "select count(*) from user_insights where clerk_user_id = %s and status = 'approved'", app.member
    )
    assert app.call("insights-reject", status=400, json={"id": insight})["current_status"] == "approved"
    app.call("insights-approve", status=400, json={})
    app.call("insights-approve", status=404, json={"id": str(uuid4())})
    app.connection.execute(
        "update user_insights set status = 'pending', expires_at = '2020-01-01' where id = %s", [insight]
    )
    assert insight not in str(app.call("insights-pending"))
    app.call("insights-approve", status=400, json={"id": insight})


def test_a_score_is_the_newest_weeks_in_the_apps_words(app: App):
    kept = app.connection.execute(
        "select score, upper(tier), round(trait_rarity)::float8, round(behavioural)::float8, percentile_rank::float8 "
        "from dna_score_history where user_id = %s order by week desc limit 1",
        [app.member],
    ).fetchone()
    assert kept is not None
    found = app.call("dna-score")
    strands = found["componentScores"]
    assert (
        found["score"], found["rarityTier"], strands["traitRarity"], strands["behavioral"], found["percentileRank"],
    ) == kept  # fmt: skip
    parts = app.call("dna-breakdown")["componentBreakdown"]
    assert sum(part["weight"] for part in parts.values()) == pytest.approx(1)
    assert sum(part["weightedScore"] for part in parts.values()) == pytest.approx(found["score"], abs=0.6)
    assert parts["profileDepth"]["dimensions"].keys() == {"religious", "career", "personality", "lifestyle", "family"}
    rare = app.call("dna-rare-traits")
    assert rare["totalRareTraits"] == len(rare["rareTraits"]) > 0
    assert found["topRareTraits"] == rare["rareTraits"][:3]


def test_unique_behaviours_have_a_mean_and_a_percentile(app: App):
    member = app.value(
        "select user_id from dna_score_history where jsonb_array_length(unique_behaviours) > 0 "
        "and week = (select max(week) from dna_score_history) order by 1 limit 1"
    )
    for one_of_them in app.call("dna-rare-traits", member)["uniqueBehaviors"]:
        assert abs(one_of_them["zScore"]) > 2
        above_most = one_of_them["percentile"] > 50
        assert above_most == (one_of_them["value"] > one_of_them["populationMean"])


def test_a_member_without_a_score_reads_zeros(app: App):
    found = app.call("dna-score", "user_nobody")
    assert (found["score"], found["rarityTier"], found["calculatedAt"]) == (0, "COMMON", None)
    assert found["message"]
    assert app.call("dna-rare-traits", "user_nobody")["message"]
    assert app.call("dna-originality", "user_nobody")["label"] == "Moderately Original"
    app.connection.execute("delete from mysoul_dna_scores where user_id = %s", [app.member])
    app.call("dna-breakdown", status=404)


def test_tiers_open_what_the_table_says(app: App):
    needs = {
        "dna-breakdown": {"gold", "gold_plus", "premium"},
        "dna-achievements": {"gold", "gold_plus", "premium"},
        "dna-history": {"gold_plus"},
    }
    for tier in ("free", None, "gold", "gold_plus", "premium", "PLATINUM"):
        app.tier(tier)
        for name, tiers in needs.items():
            found = app.call(name, status=200 if tier in tiers else 403)
            assert tier in tiers or (found["error"] and found["message"])
    app.tier("free")
    assert app.call("dna-breakdown", status=403)["error"] == "Premium feature"


def test_history_is_by_week_the_newest_first(app: App):
    found = app.call("dna-history", params={"limit": 1, "months": 120})
    assert found["totalRecords"] == app.value("select count(*) from dna_score_history where user_id = %s", app.member)
    assert found["totalRecords"] > len(found["history"]) == 1
    newest = app.value("select max(week) from dna_score_history where user_id = %s", app.member)
    assert datetime.fromisoformat(found["history"][0]["calculatedAt"]).date() == newest + timedelta(days=7)


def test_a_fresh_score_is_asked_for_once_in_24_hours(app: App):
    app.tier("gold")
    app.call("dna-calculate", status=403)
    app.tier("gold_plus")
    first = app.call("dna-calculate", status=202)
    # Automation is off: honest about Sunday.
    assert datetime.fromisoformat(first["estimatedCompletionTime"]) > datetime.now().astimezone()
    assert "Sunday" in first["message"]
    job = app.value(
        "select status || ' ' || job_type from batch_processing_queue "
        "where user_id = %s and payload ->> 'asked_by' = 'member'",
        app.member,
    )
    assert job == "pending dna_recalculation"
    refused = app.call("dna-calculate", status=429)
    assert refused["message"]
    assert datetime.fromisoformat(refused["nextAvailableAt"]) > datetime.now().astimezone()
    app.connection.execute("update batch_processing_queue set created_at = now() - interval '25 hours'")
    app.call("dna-calculate", status=202)


def test_the_leaderboard_names_who_agreed_and_ranks_everybody(app: App):
    app.connection.execute("update profiles set profile_visibility = 'members', settings_privacy = '{}'")
    found = app.leaderboard(scope="global", limit="100")
    others = [entry for entry in found["entries"] if not entry["isCurrentUser"]]
    assert {entry["firstName"] for entry in others} == {"A member"}
    assert len({entry["userId"] for entry in found["entries"]}) == len(found["entries"])
    assert not app.value("select count(*) from profiles where clerk_user_id = any(%s)", [e["userId"] for e in others])
    scores = [entry["score"] for entry in found["entries"]]
    assert scores == sorted(scores, reverse=True)
    best = app.value("select user_id from mysoul_dna_scores order by score desc, user_id limit 1")
    app.connection.execute(
        "update profiles set settings_privacy = '{\"show_on_leaderboard\": true}' where clerk_user_id = %s", [best]
    )
    first = app.leaderboard(scope="global", limit="1")["entries"][0]
    assert (first["userId"], first["rank"]) == (best, 1)
    own = app.value(
        "select 1 + count(*) from mysoul_dna_scores "
        "where score > (select score from mysoul_dna_scores where user_id = %s)",
        app.member,
    )
    assert found["currentUserRank"] == own
    app.tier("gold")
    closed = app.leaderboard(scope="global")
    assert (closed["entries"], closed["currentUserRank"], closed["totalUsers"]) == ([], own, found["totalUsers"])
    assert closed["message"]


def test_hidden_members_are_on_no_leaderboard(app: App):
    total = app.leaderboard(scope="global")["totalUsers"]
    app.connection.execute("update profiles set profile_visibility = 'hidden' where clerk_user_id = %s", [app.member])
    found = app.leaderboard(scope="global")
    assert (found["totalUsers"], found["currentUserRank"]) == (total - 1, None)


def test_a_city_has_a_leaderboard_of_its_own(app: App):
    city = app.value("select city_key::text from user_city_assignments where is_current limit 1")
    citizens = app.connection.execute(
        "select a.clerk_user_id from user_city_assignments a join mysoul_dna_scores s on s.user_id = a.clerk_user_id "
        "where a.is_current and a.city_key::text = %s",
        [city],
    ).fetchall()
    app.tier("gold_plus", citizens[0][0])
    found = app.leaderboard(citizens[0][0])
    assert (found["scope"], found["city"], found["totalUsers"]) == ("city", city, len(citizens))
    nowhere = app.leaderboard("user_nobody")
    assert (nowhere["entries"], nowhere["city"]) == ([], None)


def test_originality_labels_begin_at_their_bounds(app: App):
    bounds = {
        90: "Ultra Original",
        89: "Highly Original",
        70: "Highly Original",
        69: "Moderately Original",
        50: "Moderately Original",
        49: "Somewhat Common",
        30: "Somewhat Common",
        29: "Very Common",
        0: "Very Common",
    }
    assert {score: originality_label(score) for score in bounds} == bounds
    found = app.call("dna-originality")
    assert found["label"] == originality_label(found["score"])


def test_cost_is_what_the_assistant_and_the_pipeline_booked(app: App):
    app.connection.execute("delete from llm_calls")
    app.connection.execute(
        "insert into mmagent_token_usage (clerk_user_id, tokens_limit, gpt4o_mini_tokens, claude_tokens, "
        "estimated_cost_pence) values ('user_a', 1, 300, 100, 8), ('user_b', 1, 0, 0, 2)"
    )
    found = app.call("admin-governance-cost", ADMIN, params={"period": "weekly"})
    assert (found["total_cost_pence"], found["total_cost_gbp"]) == (10, 0.1)
    assert found["per_model"] == {
        "gpt-4o-mini": {"tokens": 300, "cost_pence": 8},
        "claude": {"tokens": 100, "cost_pence": 2},
    }
    assert found["top_users"] == [
        {"clerk_user_id": "user_a", "total_cost_pence": 8},
        {"clerk_user_id": "user_b", "total_cost_pence": 2},
    ]
    assert sum(day["cost"] for day in found["daily_trends"]) == 10
    app.call("admin-governance-cost", ADMIN, status=400, params={"period": "yearly"})
    app.call("admin-governance-cost", status=403)


@pytest.mark.parametrize(
    "change",
    [{"is_active": "yes"}, {"action": "shout"}, {"conditions": [1]}, {"priority": True}, {"priority": 10**12}],
)
def test_a_rule_takes_only_what_its_table_takes(app: App, change: dict[str, Any]):
    rule = app.value(
        "insert into governance_rules (rule_name, rule_type, action) values ('a', 'spam', 'block') returning id::text"
    )
    app.call("admin-governance-rules", ADMIN, method="put", status=400, json={"id": rule} | change)
    app.call("admin-governance-rules", ADMIN, method="put", status=404, json={"id": str(uuid4())})
    app.call("admin-governance-rules", ADMIN, method="put", status=400, json={"action": "warn"})


@pytest.mark.parametrize("conditions", ['{"a": "\\u0000"}', '{"a": NaN}', '{"a": 1e999}'])
def test_conditions_that_cannot_be_stored_are_a_sentence(app: App, conditions: str):
    rule = app.value(
        "insert into governance_rules (rule_name, rule_type, action) values ('a', 'spam', 'block') returning id::text"
    )
    body = f'{{"id": "{rule}", "conditions": {conditions}}}'
    found = app.call("admin-governance-rules", ADMIN, method="put", status=400, content=body)
    assert found["error"] == "Conditions hold a value that cannot be stored."
    assert app.value("select conditions from governance_rules") == {}


def test_a_malformed_row_never_fails_a_list(app: App):
    deep = "[" * 2_500 + "]" * 2_500
    app.connection.execute("update batch_run_history set error_log = %s::jsonb, metadata = '\"a text\"'", [deep])
    app.connection.execute(
        "insert into batch_processing_queue (user_id, job_type, payload, scheduled_for) "
        "values (%s, 'dna_recalculation', %s::jsonb, 'infinity')",
        [app.member, deep],
    )
    app.connection.execute("update gamification_progress set badges = %s::jsonb", [deep])
    app.connection.execute(
        "update weekly_matches set compatibility_factors = %s::jsonb, chaichat_preview = '7'", [deep]
    )
    app.connection.execute("update profiles set settings_privacy = '[3]', birthdate = '-infinity'")
    assert len(app.call("batch-history", ADMIN)["history"]) > 0
    assert any(
        job["scheduled_for"] == "infinity"
        for job in app.call("batch-queue", ADMIN, params={"userId": app.member})["queue"]
    )
    assert app.call("weekly-matches")["matches"]


def test_match_screens_show_what_the_other_side_allows(app: App):
    found = app.call("weekly-matches")
    newest = app.value("select max(week_start_date) from weekly_matches where user_id = %s", app.member)
    assert date.fromisoformat(found["week"]) == newest
    assert [match["rank"] for match in found["matches"]] == sorted(match["rank"] for match in found["matches"])
    first = found["matches"][0]
    profile = app.connection.execute(
        "select first_name, extract(year from age(birthdate))::integer from profiles where clerk_user_id = %s",
        [first["userId"]],
    ).fetchone()
    assert profile == (first["name"], first["age"])
    assert first["chaiChat"]["topics"] == len(first["chaiChat"]["level1"]) + len(first["chaiChat"]["level2"]) > 0
    assert first["reasons"][0] == first["why"]

    def shown(**profile: object) -> dict[str, Any]:
        for column, value in profile.items():
            app.connection.execute(
                f"update profiles set {column} = %s where clerk_user_id = %s",  # type: ignore[arg-type]
                [value, first["userId"]],
            )
        return next(match for match in app.call("weekly-matches")["matches"] if match["id"] == first["id"])

    assert shown(primary_photo_url="https://cdn.example/1.jpg")["photoUrl"] == "https://cdn.example/1.jpg"
    assert shown(primary_photo_url="javascript:alert(1)")["photoUrl"] is None
    hidden = shown(settings_privacy='{"show_age": false, "showLocation": false}')
    assert (hidden["age"], hidden["location"], hidden["distance"]) == (None, None, None)
    private = shown(profile_visibility="private", settings_privacy="{}", primary_photo_url="https://cdn.example/1.jpg")
    assert (private["name"], private["age"], private["photoUrl"]) == (first["name"], None, None)
    app.connection.execute(
        "update profiles set profile_visibility = 'hidden' where clerk_user_id = %s", [first["userId"]]
    )
    assert first["id"] not in str(app.call("weekly-matches"))
    app.call("match-action", status=404, json={"matchId": first["id"], "action": "liked"})


def test_what_a_member_does_with_a_match_is_kept(app: App):
    match = app.call("weekly-matches")["matches"][0]["id"]
    viewed = app.call("match-action", json={"matchId": match, "action": "viewed"})["match"]
    assert (viewed["viewed"], viewed["action"], viewed["actionedAt"]) == (True, None, None)
    liked = app.call("match-action", json={"id": match, "action": "liked"})["match"]
    assert (liked["action"], liked["viewedAt"]) == ("liked", viewed["viewedAt"])
    assert app.call("match-action", json={"matchId": match, "action": "liked"})["match"] == liked
    assert app.call("match-action", json={"matchId": match, "action": "viewed"})["match"] == liked
    passed = app.call("match-action", json={"matchId": match, "action": "passed"})["match"]
    assert passed["action"] == "passed"
    assert passed["actionedAt"] > liked["actionedAt"]
    app.call("match-action", status=400, json={"matchId": match, "action": "blocked"})
    app.call("match-action", status=400, json={"action": "liked"})
    other = app.value("select id::text from weekly_matches where user_id <> %s limit 1", app.member)
    app.call("match-action", status=404, json={"matchId": other, "action": "liked"})
    app.call("weekly-matches", status=400, params={"week": "last"})
    assert app.call("weekly-matches", params={"week": "2020-01-05"}) == {"week": "2020-01-05", "matches": []}


def test_the_documented_proxy_rule_names_every_function():
    rule = re.search(r"location ~ \^/functions/v1/\(([a-z|-]+)\)\$", DOCUMENT.read_text("utf-8"))
    assert rule is not None
    assert set(rule[1].split("|")) == set(contract.contract()["functions"])


def test_no_function_takes_a_second_connection_while_it_holds_one(app: App):
    app.api.service.pool.resize(1, 1)
    app.api.service.overview = Snapshot(lambda: overview(app.api.service.connection, app.api.service.dagster))
    app.call("batch-trigger", ADMIN, json={})
    for name, method in CALLED:
        if method == "get":
            who = contract.contract()["functions"][name][method]["who"]
            app.call(name, ADMIN if who == "administrators" else app.member)


def test_reasons_speak_for_the_pair_and_the_strongest_comes_first(app: App):
    def told(*factors: tuple[str, float, float]) -> list[str]:
        listed = [
            {"name": name, "value": value, "contribution": points, "sentence": f"{name} {value}"}
            for name, value, points in factors
        ]
        return reasons({"factors": listed})

    # What is far apart, not known, or says only that both have stated something is no reason, whatever it weighs.
    assert (
        told(("similarity", 0.4, 8), ("age", 0.5, 12.5), ("practice", 0.2, 1), ("stated", 1, 5), ("dna", 0.5, 2)) == []
    )
    assert told(("shared", 0.1, 3.5), ("similarity", 0.9, 18), ("age", 0.8, 20), ("dna", 0.9, 3.6)) == [
        "age 0.8",
        "similarity 0.9",
        "dna 0.9",
    ]
    assert told(("shared", 0.1, 3.5)) == ["shared 0.1"]
    assert reasons([7]) == reasons(None) == reasons({"factors": [{"sentence": 3}, "x"]}) == []
    for match in app.call("weekly-matches")["matches"]:
        assert "different" not in " ".join(match["reasons"])
