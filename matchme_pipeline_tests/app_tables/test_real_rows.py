"""On rows as the app fills them members are matched; a column that nobody fills keeps nobody apart, and is named."""

from dataclasses import replace

import numpy as np
import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.jobs import queries
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.engine.match_engine import Allocation, Engine, Knowledge
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.week_findings import week_findings
from matchme_pipeline.settings import UNKNOWN_MAY_BE_STRICT
from matchme_pipeline_tests.app_tables.real_rows import CUTOFF, write_city_clusters, write_members
from matchme_pipeline_tests.matching import plain
from matchme_pipeline_tests.materialising import WEEKS, materialise

STRICT = replace(USUAL, strict=frozenset(UNKNOWN_MAY_BE_STRICT))
MEMBERS = 120
# One column after the other is filled, as an import would.
RUNGS = {
    "as the app fills them": "select 1",
    "onboarded": "update profiles set onboarding_completed = true",
    "active": "update profiles set last_active_at = '2026-01-09'",
    "placed": "update profiles set lat = 51.5 + (random() * 0.1)::numeric, lng = -0.1 + (random() * 0.1)::numeric",
    "educated": "update profiles set education_level = (array['B.Sc.', 'MSc', 'Ph.D'])[1 + (random() * 2)::integer]",
    "married or not": "update profiles set marital_status = 'never_married', has_children = false",
    "without wishes": "update match_preferences set education_preferences = '[]', marital_status_preferences = '[]', "
    "has_children_preference = 'doesntMatter', religiosity_preferences = '[]', max_distance = 100",
}


@pytest.fixture
def real(app_database: Connection) -> Connection:
    write_city_clusters(app_database)
    write_members(app_database, MEMBERS)
    app_database.execute("select setseed(0.5)")
    return app_database


def matched(connection: Connection, limits: Limits) -> Allocation:
    rows = member_queries.members_as_of(connection, CUTOFF)
    return Engine(Knowledge(rows, [], np.zeros((0, 1536), np.float32), {}, {}), CUTOFF, limits).match([])


def test_every_rung_of_the_ladder_has_matches(real: Connection):
    """The lenient rule matches everybody who may meet somebody, whatever is filled; the strict one hardly anybody."""
    found = {}
    for name, statement in RUNGS.items():
        real.execute(statement.encode())
        lenient, strict = matched(real, USUAL), matched(real, STRICT)
        found[name] = (len(lenient.matches), len(strict.matches))
        assert lenient.covered == lenient.with_possibilities > MEMBERS // 2, name
        assert len(lenient.matches) > MEMBERS // 2, name
        rows = {row.user_id: row for row in member_queries.members_as_of(real, CUTOFF)}
        for match in lenient.matches:
            a, b = rows[match.a], rows[match.b]
            assert plain.what_parts(a, b, CUTOFF.date()) is None
            missing = {*plain.not_stated(a, b, CUTOFF.date()), *plain.not_stated(b, a, CUTOFF.date())}
            assert set(match.factors["not_stated"]) == missing
        # What is unusual about such a week is told, by column.
        told = " ".join(finding.sentence for finding in week_findings(lenient.figures))
        assert ("profiles.education_level" in told) == (name in list(RUNGS)[:4])
    assert [strict for _, strict in list(found.values())[:5]] == [0] * 5
    assert found["without wishes"][1] == found["without wishes"][0]


def test_a_missing_attribute_is_named_in_the_matchs_reason(real: Connection):
    sentences = [
        factor["sentence"]
        for match in matched(real, USUAL).matches
        for factor in match.factors["factors"]
        if factor["name"] == "stated"
    ]
    assert any("marital status not stated" in sentence.lower() for sentence in sentences)
    assert any("education not stated" in sentence.lower() for sentence in sentences)


def test_the_whole_week_runs_over_real_rows_and_warns(app_database_url: str):
    with connect(app_database_url) as connection:
        write_city_clusters(connection)
        write_members(connection, MEMBERS)
    week = WEEKS[0]
    result = materialise(app_database_url, week)
    assert result.success
    check = next(one for one in result.get_asset_check_evaluations() if one.check_name == "members_can_be_matched")
    assert not check.passed
    assert "profiles.education_level" in (check.description or "")
    with connect(app_database_url) as connection:
        rows, pairs, previews = connection.execute(
            "select count(*), count(distinct (least(user_id, match_user_id), greatest(user_id, match_user_id))), "
            "count(chaichat_preview) from weekly_matches where week_start_date = %s",
            [week.match_week],
        ).fetchone() or (0, 0, 0)
    assert rows == 2 * pairs == previews > MEMBERS


def test_a_week_with_another_batchs_rows_is_published_around_what_members_saw(app_database_url: str):
    week = WEEKS[0]
    with connect(app_database_url) as connection:
        write_city_clusters(connection)
        ids = write_members(connection, 40)
        for number, (user_id, other) in enumerate(zip(ids, ids[3:], strict=False)):
            connection.execute(
                "insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date, viewed_at) "
                "values (%s, %s, %s, %s, %s, case when %s then now() end)",
                [user_id, other, number, 1 + number % 5, week.match_week, number % 9 == 0],
            )
    assert materialise(app_database_url, week).success
    with connect(app_database_url) as connection:
        foreign = connection.execute(
            "select user_id, viewed_at is not null from weekly_matches where embedding_model is null order by 1"
        ).fetchall()
        ours = connection.execute("select count(*) from weekly_matches where embedding_model is not null").fetchone()
        most = connection.execute("select max(n) from (select count(*) n from weekly_matches group by user_id) x")
        assert most.fetchone() == (5,)
    assert foreign == [(ids[number], True) for number in range(0, 37, 9)]
    assert ours is not None
    assert ours[0] > 40


def test_a_sign_of_life_counts_as_of_the_cutoff(real: Connection):
    """Who joined long ago is active by what they did since, and not by what they do after the cutoff."""
    user_id = "user_real0000"
    real.execute("delete from posts where clerk_user_id = %s", [user_id])
    real.execute("update profiles set created_at = '2025-01-01' where clerk_user_id = %s", [user_id])

    def last_seen() -> object:
        (row,) = member_queries.members_as_of(real, CUTOFF, [user_id])
        return row.last_active_at

    joined = last_seen()
    real.execute("insert into posts (clerk_user_id, caption, created_at) values (%s, 'later', '2026-01-20')", [user_id])
    assert last_seen() == joined
    signs = {
        "posts": "insert into posts (clerk_user_id, caption, created_at) values (%(user)s, 'x', '2025-12-01')",
        "voice": "insert into voice_introductions (user_id, url, storage_path, duration_seconds, "
        "file_type, created_at) values (%(user)s, 'u', 'p', 10, 'audio/mp3', '2025-12-02')",
        "review": "insert into user_insights (clerk_user_id, insight_category, title, description, "
        "status, reviewed_at) values (%(user)s, 'values', 't', 'd', 'approved', '2025-12-03')",
        "view": "insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date, viewed_at) "
        "values (%(user)s, 'user_real0001', 50, 1, '2025-11-30', '2025-12-04')",
        "message": "with c as (insert into conversations (user1_clerk_id, user2_clerk_id) "
        "values (%(user)s, 'user_real0001') returning id) insert into messages "
        "(conversation_id, sender_clerk_id, recipient_clerk_id, content, sent_at) "
        "select id, %(user)s, 'user_real0001', 'never read', '2025-12-05' from c",
    }
    for day, statement in enumerate(signs.values(), start=1):
        real.execute(statement.encode(), {"user": user_id})
        seen = last_seen()
        assert seen is not None
        assert str(seen)[:10] == f"2025-12-0{day}"


def test_a_place_is_the_profiles_else_the_detected_else_the_citys(real: Connection):
    user_id = "user_real0002"

    def place() -> tuple[float | None, float | None]:
        (row,) = member_queries.members_as_of(real, CUTOFF, [user_id])
        return row.lat, row.lng

    def set_detected(value: str) -> None:
        real.execute(
            "update user_city_assignments set city_key = 'london', detected_location = %s::jsonb "
            "where clerk_user_id = %s",
            [value, user_id],
        )

    set_detected('{"lat": 52.1, "lng": "-1.25"}')
    assert place() == (52.1, -1.25)
    for odd in (
        "null",
        "[]",
        '{"lat": 52}',
        '{"lat": 1e400, "lng": 0}',
        '{"lat": 0, "lng": 0}',
        '{"lat": "x", "lng": 2}',
    ):
        set_detected(odd)
        assert place() == (51.5074, -0.1278), odd
    real.execute("update profiles set lat = 25.2, lng = 55.3 where clerk_user_id = %s", [user_id])
    assert place() == (25.2, 55.3)
    real.execute("update profiles set lng = null where clerk_user_id = %s", [user_id])
    assert place() == (51.5074, -0.1278)


def test_a_few_members_with_the_flag_keep_nobody_out(real: Connection):
    before = matched(real, USUAL).matchable
    real.execute("update profiles set onboarding_completed = true where clerk_user_id < 'user_real0005'")
    assert matched(real, USUAL).matchable == before
    real.execute("update profiles set onboarding_completed = clerk_user_id >= 'user_real0005'")
    after = matched(real, USUAL)
    assert after.not_matchable["not_onboarded"] == 5


def test_odd_rows_of_another_batch_that_members_saw_stop_no_week(app_database_url: str):
    """More than five in a list, one rank for all, oneself, a pair with two scores: as seen. Who is gone, goes."""
    week = WEEKS[0]
    with connect(app_database_url) as connection:
        write_city_clusters(connection)
        ids = write_members(connection, 40)
        seen = [(ids[0], other) for other in ids[1:15:2]]
        seen += [(ids[2], ids[2]), (ids[4], "user_nobody"), ("user_nobody", ids[6]), (ids[8], ids[9]), (ids[9], ids[8])]
        for number, (user_id, other) in enumerate(seen):
            connection.execute(
                "insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date, viewed_at, "
                'chaichat_preview) values (%s, %s, %s, 1, %s, now(), \'{"level": 1, "starters": ["x"]}\')',
                [user_id, other, number, week.match_week],
            )
    for _ in range(2):
        assert materialise(app_database_url, week).success
    with connect(app_database_url) as connection:
        foreign = connection.execute(
            "select user_id, match_user_id, chaichat_preview ->> 'level' from weekly_matches "
            "where embedding_model is null"
        ).fetchall()
        ours = connection.execute(
            "select user_id, count(*) from weekly_matches where embedding_model is not null group by 1"
        ).fetchall()
    assert sorted(foreign) == sorted((a, b, "1") for a, b in seen if "user_nobody" not in (a, b))
    assert ids[0] not in dict(ours)
    assert max(count for _, count in ours) <= 5
    assert len(ours) > 20


def test_a_tier_that_nobody_knows_is_counted(app_database: Connection):
    for n, tier in enumerate(("free", "gold", "gold_plus", "premium", None, "", "elite", "elite", "Gold")):
        app_database.execute(
            "insert into profiles (clerk_user_id, subscription_tier) values (%s, %s)", [f"user_tier_{n}", tier]
        )
    assert queries.unknown_tiers(app_database) == {"subscription_tier: elite": 2, "subscription_tier: Gold": 1}
    assert set(queries.member_priorities(app_database, ["user_tier_6", "user_tier_2"]).values()) == {5, 2}
