"""What members see and decide: insights once, matches, scores; their own alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline_tests.api.conftest import ADMIN, MEMBER, OTHER, Api


@pytest.fixture
def data(lived_in: Api) -> Iterator[Connection]:
    with connect(str(lived_in.service.pool.conninfo), vectors=False) as connection:
        yield connection


def add_insight(connection: Connection, user: str, status: str = "pending", expires: str = "1 day") -> str:
    row = connection.execute(
        "insert into user_insights (clerk_user_id, insight_category, title, description, source_quote, status, "
        "expires_at) values (%s, 'values', 'a title', 'a description', 'a quote', %s, now() + %s::interval) "
        "returning id::text",
        [user, status, expires],
    ).fetchone()
    assert row is not None
    return str(row[0])


def points(connection: Connection, user: str) -> tuple[int, int]:
    row = connection.execute(
        "select total_points, insights_reviewed from gamification_progress where clerk_user_id = %s", [user]
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


@pytest.mark.parametrize(("verb", "status", "earned"), [("approve", "approved", 15), ("reject", "rejected", 10)])
def test_a_verdict_counts_once_and_earns_its_points_once(
    api: Api, database: Connection, verb: str, status: str, earned: int
):
    insight = add_insight(database, MEMBER)

    def press(_: int) -> int:
        return int(api.post(f"/api/insights/{insight}/{verb}", MEMBER).status_code)

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(press, range(48)))
    assert (statuses.count(200), statuses.count(409)) == (1, 47)
    assert points(database, MEMBER) == (earned, 1)
    row = database.execute("select status, reviewed_at is not null from user_insights").fetchone()
    assert row == (status, True)


def test_the_answer_to_a_verdict_tells_the_points(api: Api, database: Connection):
    answer = api.post(f"/api/insights/{add_insight(database, MEMBER)}/approve", MEMBER).json()
    assert (answer["total_points"], answer["insight"]["status"]) == (15, "approved")


def test_the_opposite_verdict_comes_too_late(api: Api, database: Connection):
    insight = add_insight(database, MEMBER)
    api.post(f"/api/insights/{insight}/reject", MEMBER)
    answer = api.post(f"/api/insights/{insight}/approve", MEMBER)
    assert answer.status_code == 409
    assert "you have rejected this insight already" in answer.json()["detail"]


def test_an_expired_insight_is_neither_listed_nor_reviewed(api: Api, database: Connection):
    insight = add_insight(database, MEMBER, expires="-1 day")
    assert api.get("/api/insights/pending", MEMBER).json()["insights"] == []
    answer = api.post(f"/api/insights/{insight}/approve", MEMBER)
    assert (answer.status_code, points(database, MEMBER)) == (410, (0, 0))


def test_somebody_elses_insight_does_not_exist_for_a_member_nor_for_an_administrator(api: Api, database: Connection):
    insight = add_insight(database, MEMBER)
    for user in (OTHER, ADMIN):
        assert api.post(f"/api/insights/{insight}/approve", user).status_code == 404
        assert api.get("/api/insights/pending", user).json()["insights"] == []
    assert api.post(f"/api/insights/{uuid4()}/approve", MEMBER).status_code == 404


def test_insights_are_paged(api: Api, database: Connection):
    made = {add_insight(database, MEMBER) for _ in range(5)}
    first = api.get("/api/insights/pending?limit=3", MEMBER).json()
    rest = api.get(f"/api/insights/pending?limit=3&cursor={first['next_cursor']}", MEMBER).json()
    assert {insight["id"] for insight in first["insights"] + rest["insights"]} == made
    assert rest["next_cursor"] is None


def test_matches_come_with_factors_and_starters_and_stay_once_viewed(lived_in: Api, data: Connection):
    user, week = data.execute(
        "select user_id, max(week_start_date)::text from weekly_matches where chaichat_preview is not null "
        "group by 1 order by count(*) desc, 1 limit 1"
    ).fetchone() or ("", "")
    answer = lived_in.get("/api/matches", user).json()
    assert answer["week_start_date"] == week
    assert [match["rank"] for match in answer["matches"]] == sorted(match["rank"] for match in answer["matches"])
    match = answer["matches"][0]
    assert match["compatibility_factors"]["factors"]
    assert match["chaichat_preview"]["level_1"]
    first = lived_in.post(f"/api/matches/{match['id']}/viewed", user).json()
    acted = lived_in.post(f"/api/matches/{match['id']}/actioned", user).json()
    again = lived_in.post(f"/api/matches/{match['id']}/viewed", user).json()
    assert first["viewed_at"] == acted["viewed_at"] == again["viewed_at"]
    assert first["actioned_at"] is None
    assert acted["actioned_at"] == again["actioned_at"] is not None


@pytest.mark.parametrize("change", ["deleted_at = now()", "profile_visibility = 'hidden'"])
def test_who_has_deleted_or_hidden_themselves_is_shown_to_nobody(lived_in: Api, data: Connection, change: str):
    (user,) = data.execute("select user_id from weekly_matches group by 1 order by count(*) desc, 1").fetchone() or (
        "",
    )
    before = lived_in.get("/api/matches", user).json()["matches"]
    gone = before[0]["match_user_id"]
    data.execute(f"update profiles set {change} where clerk_user_id = %s", [gone])  # type: ignore[arg-type]
    after = lived_in.get("/api/matches", user).json()["matches"]
    assert [match["match_user_id"] for match in after] == [match["match_user_id"] for match in before[1:]]


def test_a_member_without_matches_has_an_empty_week(api: Api):
    assert api.get("/api/matches", MEMBER).json() == {"week_start_date": None, "matches": []}


def test_the_score_comes_with_every_strand_and_its_history(lived_in: Api, data: Connection):
    (user,) = data.execute(
        "select user_id from dna_score_history where not seed_state group by 1 order by count(*) desc, 1 limit 1"
    ).fetchone() or ("",)
    score = lived_in.get("/api/dna", user).json()["score"]
    assert set(score["strands"]) == {
        "trait_rarity",
        "profile_depth",
        "behavioural",
        "content_originality",
        "cultural_variance",
    }
    history = lived_in.get("/api/dna/history", user).json()["history"]
    assert history[0]["week"] == score["week"]
    assert [point["week"] for point in history] == sorted((point["week"] for point in history), reverse=True)
    assert lived_in.get("/api/dna", "user_nobody").json()["score"] is None


@pytest.mark.parametrize("dimension", ["week", "stage", "model", "day", "member"])
def test_cost_is_the_ledgers(api: Api, database: Connection, dimension: str):
    database.execute(
        """
        insert into llm_calls (week, stage, user_id, provider, model, outcome, cost_usd, input_tokens, output_tokens)
        select '2026-11-15', case when n % 2 = 0 then 'content_insights' else 'chaichat_previews' end, 'user_' || n % 3,
            'openai', 'gpt-6-luna', 'answered', 0.25, 10, 2
        from generate_series(1, 12) n
        """
    )
    answer = api.get(f"/api/cost?by={dimension}", ADMIN).json()
    assert sum(float(row["cost_usd"]) for row in answer["rows"]) == float(answer["total_usd"]) == 3.0
    assert sum(row["calls"] for row in answer["rows"]) == 12
    budget = api.get("/api/cost/budget?week=2026-11-15", ADMIN).json()
    assert (float(budget["spent_usd"]), float(budget["left_usd"])) == (3.0, 2.0)
