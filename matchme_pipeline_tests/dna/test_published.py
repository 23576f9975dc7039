"""Publishing to both layouts of the app's table, with its constraints and triggers on."""

import math
from typing import Any

import psycopg
import pytest
from psycopg import sql

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.dna.queries import publish_newest_week
from matchme_pipeline.dna.queries.published import score_layout
from matchme_pipeline.dna.weights import APP_NAMES
from matchme_pipeline.errors import DatabaseUnavailableError
from matchme_pipeline_tests.dna.conftest import WEEKS, materialise

LATER = files.app_tables_dir().parent / "app_layouts" / "mysoul_dna_scores_later.sql"


@pytest.fixture
def later(dna_database: Connection) -> Connection:
    """The seeded database with the later layout and its triggers."""
    dna_database.execute(LATER.read_text(encoding="utf-8"))  # type: ignore[arg-type]
    return dna_database


def triggers(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select tgname, tgenabled from pg_trigger where tgrelid = 'mysoul_dna_scores'::regclass order by 1"
    ).fetchall()


def test_the_audits_layout_shows_whole_points_that_add_up_to_the_score(dna_database: Connection) -> None:
    for week in WEEKS[:2]:
        materialise(dna_database, week)
    assert score_layout(dna_database) == "audit"
    rows = dna_database.execute(
        """
        select s.score, h.score, s.rarity_tier, h.tier,
            trait_uniqueness_score + profile_completeness_score + behavior_score + content_score + cultural_score
        from mysoul_dna_scores s
        join dna_score_history h on h.user_id = s.user_id and h.week = %s
        """,
        [WEEKS[1].sunday],
    ).fetchall()
    assert len(rows) > 100
    assert all(score == kept == points and tier == kept_tier for score, kept, tier, kept_tier, points in rows)


def test_the_later_layout_shows_everything_that_was_kept(later: Connection) -> None:
    for week in WEEKS[:3]:
        materialise(later, week)
    assert score_layout(later) == "later"
    different = later.execute(
        """
        select count(*), count(*) filter (where (
            s.score, s.rarity_tier, s.percentile_rank, s.component_breakdown - 'culturalVariance', s.rare_traits,
            s.unique_behaviors, s.algorithm_version, s.change_delta, s.trait_rarity_raw_score, s.behavioral_raw_score,
            s.content_originality_percentile
        ) is distinct from (
            h.score, upper(h.tier), h.percentile_rank,
            matchme_app_breakdown(h.component_breakdown, null) - 'culturalVariance',
            matchme_app_rare_traits(h.rare_traits), matchme_app_unique_behaviours(h.unique_behaviours),
            h.algorithm_version, h.change::numeric, round(h.trait_rarity)::integer, round(h.behavioural)::integer,
            round(o.percentile, 2)
        ))
        from dna_score_history h
        left join mysoul_dna_scores s on s.user_id = h.user_id
        left join content_originality o on o.user_id = h.user_id and o.week = h.week
        where h.week = %s
        """,
        [WEEKS[2].sunday],
    ).fetchone()
    assert different is not None
    assert different[0] > 100
    assert different[1] == 0


def test_the_app_reads_a_score_in_the_shapes_of_its_own_types(later: Connection) -> None:
    for week in WEEKS[:3]:
        materialise(later, week)
    rows = later.execute(
        """
        select s.component_breakdown, s.rare_traits, s.unique_behaviors, h.component_breakdown, h.rare_traits,
            h.unique_behaviours, c.city_key::text
        from mysoul_dna_scores s
        join dna_score_history h on h.user_id = s.user_id and h.week = %s
        left join user_city_assignments c on c.clerk_user_id = s.user_id and c.is_current
        """,
        [WEEKS[2].sunday],
    ).fetchall()
    assert any(row[1] for row in rows)
    assert any(row[2] for row in rows)
    for breakdown, traits, behaviours, kept, kept_traits, kept_behaviours, city in rows:
        for strand, name in APP_NAMES.items():
            part, own = breakdown[name], kept[strand]
            assert part["explanation"] == own["sentence"]
            assert part["weight"] == own["weight"] / 100
            assert part["score"] == pytest.approx(own["score"], abs=0.005)
            assert part["weightedScore"] == pytest.approx(own["score"] * own["weight"] / 100, abs=0.005)
        assert breakdown["profileDepth"]["dimensions"] == kept["profile_depth"]["figures"]["dimensions"]
        assert breakdown["culturalVariance"].get("cityCluster") == city
        assert [trait["displayName"] for trait in traits] == [trait["name"] for trait in kept_traits]
        for trait, own in zip(traits, kept_traits, strict=True):
            assert trait["idfScore"] == pytest.approx(-math.log(own["frequency"]), abs=0.001)
            assert trait["percentile"] == pytest.approx(100 * (1 - own["frequency"]), abs=0.01)
        for behaviour, own in zip(behaviours, kept_behaviours, strict=True):
            assert behaviour == {
                "metric": own["behaviour"],
                "displayName": own["name"],
                "value": own["value"],
                "populationMean": own["mean"],
                "zScore": own["z"],
                "percentile": own["percentile"],
            }


def test_the_apps_own_history_gets_one_right_row_per_changed_score(later: Connection) -> None:
    for week in WEEKS[:3]:
        materialise(later, week)
    materialise(later, WEEKS[2])
    expected = later.execute(
        """
        select user_id, score, upper(tier), percentile_rank, week + 7
        from dna_score_history h
        where change is null or change <> 0
        order by user_id, week
        """
    ).fetchall()
    found = later.execute(
        """
        select user_id, score, rarity_tier, percentile_rank, (calculated_at at time zone 'UTC')::date
        from mysoul_score_history
        order by user_id, calculated_at
        """
    ).fetchall()
    assert found == expected


def test_triggers_are_left_as_they_were(later: Connection) -> None:
    later.execute("alter table mysoul_dna_scores enable always trigger mysoul_dna_scores_auto_record_score_history")
    before = triggers(later)
    materialise(later, WEEKS[0])
    assert triggers(later) == before
    assert {state for _, state in before} == {"O", "A"}


def test_a_failure_while_publishing_leaves_everything_as_it_was(later: Connection) -> None:
    materialise(later, WEEKS[0])
    before = triggers(later), later.execute("select count(*) from dna_score_history").fetchone()
    later.execute("alter table mysoul_dna_scores add check (days_active < 0) not valid")
    with pytest.raises(psycopg.errors.CheckViolation):
        materialise(later, WEEKS[1])
    assert (triggers(later), later.execute("select count(*) from dna_score_history").fetchone()) == before


def test_a_role_that_does_not_own_the_table_publishes_the_same_rows(later: Connection, dna_database_url: str) -> None:
    for week in WEEKS[:2]:
        materialise(later, week)
    scores = "select to_jsonb(s) - '{id,created_at,updated_at}'::text[] from mysoul_dna_scores s order by user_id"
    past = (
        "select to_jsonb(x) - '{id,created_at}'::text[] from mysoul_score_history x "
        "where calculated_at = %s order by user_id"
    )
    owned = later.execute(scores).fetchall(), later.execute(past, [WEEKS[1].cutoff]).fetchall()
    later.execute("truncate mysoul_dna_scores, mysoul_score_history")
    role = f"guest_{later.info.backend_pid}"
    later.execute(sql.SQL("create role {} bypassrls").format(sql.Identifier(role)))
    try:
        later.execute(sql.SQL("grant all on all tables in schema public to {}").format(sql.Identifier(role)))
        with connect(dna_database_url) as guest, guest.transaction():
            guest.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            assert publish_newest_week(guest).changed > 100
        assert later.execute(scores).fetchall() == owned[0]
        found = later.execute(past, [WEEKS[1].cutoff]).fetchall()
        assert {row["user_id"]: row for (row,) in owned[1]}.items() <= {row["user_id"]: row for (row,) in found}.items()
        assert later.execute("select count(*) from mysoul_score_history").fetchone() == (len(found),)
    finally:
        later.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
        later.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def test_an_unknown_layout_is_refused_in_one_sentence(dna_database: Connection) -> None:
    dna_database.execute("drop table mysoul_dna_scores")
    with pytest.raises(DatabaseUnavailableError, match="neither of its known layouts"):
        materialise(dna_database, WEEKS[0])
