"""One member's candidates between Sundays: SQL says what the rules say, the index finds what the exact way finds."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
from dagster import AssetCheckEvaluation
from hypothesis import HealthCheck, given, settings

from matchme_pipeline.cli import candidates
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.embeddings import nearest_queries
from matchme_pipeline.embeddings.nearest import index_name, refresh_index
from matchme_pipeline.errors import PipelineError
from matchme_pipeline.llm.resource import open_models
from matchme_pipeline.matching import member_queries, scale_queries
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.rules.eligibility import eligible_block
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.members import MemberRow, why_not_matchable
from matchme_pipeline.matching.scale_queries import Scale
from matchme_pipeline.matching.search import member_search, partner_query, recall_check
from matchme_pipeline.matching.search.member_search import Moment, find_matches
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week
from matchme_pipeline_tests.cli.test_errors import matchme
from matchme_pipeline_tests.matching.app_rows import populations, save
from matchme_pipeline_tests.matching.made import CUTOFF, STRICT, columns, row
from matchme_pipeline_tests.materialising import WEEKS, materialise

WEEK, MATCH_WEEK, MODEL = date(2026, 1, 4), date(2026, 1, 11), "some-model"
LIMITS = (USUAL, STRICT)


class _RollBackError(Exception):
    pass


def eligible_by_sql(connection: Connection, rows: Sequence[MemberRow], limits: Limits) -> set[tuple[str, str]]:
    found = set()
    moment = Moment(CUTOFF, WEEK, MATCH_WEEK, MODEL, limits)
    for seeker in rows:
        if why_not_matchable(seeker, CUTOFF) is None:
            asked = member_search.parameters(seeker.user_id, np.zeros(1536), moment, None)
            partners = partner_query.eligible_partners(connection, asked, through_index=False)
            found |= {(seeker.user_id, partner) for partner in partners}
    return found


def eligible_by_rules(rows: Sequence[MemberRow], limits: Limits) -> set[tuple[str, str]]:
    members = columns(*(row for row in rows if why_not_matchable(row, CUTOFF) is None), limits=limits)
    may, _ = eligible_block(members, members)
    np.fill_diagonal(may, False)
    return {(members.user_ids[a], members.user_ids[b]) for a, b in np.argwhere(may)}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(populations())
def test_sql_lets_the_same_pairs_meet_as_the_rules_do(app_database: Connection, rows: list[MemberRow]):
    try:
        with app_database.transaction():
            save(app_database, rows)
            # As the database has them: what nobody has filled is made up for there.
            stored = member_queries.members_as_of(app_database, CUTOFF)
            for limits in LIMITS:
                assert eligible_by_sql(app_database, stored, limits) == eligible_by_rules(stored, limits)
            raise _RollBackError
    except _RollBackError:
        pass


def test_every_members_search_finds_what_the_exact_way_finds_with_the_same_scores(finished: Connection):
    week = WEEKS[-1]
    moment, scale, engine = of_week(finished, week)
    everybody = list(engine.position)
    result = recall_check.measure(finished, engine, moment, scale, everybody, monotonic, 600)
    assert result.members == len(everybody)
    assert result.expected > 2 * len(everybody)
    assert result.share == 1.0


def test_a_week_published_its_best_pairs_with_the_scores_that_a_search_gives_them(finished: Connection):
    week = WEEKS[-1]
    moment, scale, engine = of_week(finished, week)
    for user_id in recall_check.evenly(list(engine.position), 10):
        [seeker] = member_queries.members_as_of(finished, week.cutoff, [user_id])
        ids, vectors = member_queries.member_vectors(finished, week.sunday, moment.model, [user_id])
        matches = find_matches(finished, seeker, vectors[0] if ids else None, moment, scale)
        scores = {match.b: (match.score, match.factors) for match in matches}
        published = finished.execute(
            """
            select match_user_id, score, compatibility_factors from weekly_matches
            where week_start_date = %s and user_id = %s
            """,
            [week.match_week, user_id],
        ).fetchall()
        assert {other: (score, factors) for other, score, factors in published}.items() <= scores.items()


def test_the_newest_weeks_vectors_have_an_index_and_no_other_week_has(finished: Connection):
    model = of_week(finished, WEEKS[-1])[0].model
    assert nearest_queries.indexes(finished) == {index_name(WEEKS[-1].sunday, model)}
    assert refresh_index(finished, WEEKS[-1].sunday, model).state == "there"
    assert refresh_index(finished, WEEKS[0].sunday, model).state == "not the newest week"
    finished.execute("delete from user_embeddings where week = %s", [WEEKS[-1].sunday])
    assert refresh_index(finished, WEEKS[-2].sunday, model).state == "built"
    assert nearest_queries.indexes(finished) == {index_name(WEEKS[-2].sunday, model)}


def test_the_search_goes_through_the_index_and_its_settings_end_with_it(finished: Connection):
    moment, scale, engine = of_week(finished, WEEKS[-1])
    user_id = next(iter(engine.position))
    [seeker] = member_queries.members_as_of(finished, moment.as_of, [user_id])
    asked = member_search.parameters(seeker.user_id, scale.centre, moment, 5)
    plans = []
    with finished.transaction():
        finished.execute("select set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true)")
        plans = finished.execute(
            "explain " + partner_query.ELIGIBLE_PARTNERS,
            asked,  # type: ignore[arg-type]
        ).fetchall()
    assert any(index_name(moment.vectors_week, moment.model) in line for (line,) in plans)
    partner_query.eligible_partners(finished, asked, through_index=True)
    settings = ("hnsw.iterative_scan", "hnsw.ef_search", "enable_sort", "enable_indexscan")
    left = [finished.execute("select current_setting(%s)", [name]).fetchone() for name in settings]
    assert left == [("off",), ("40",), ("on",), ("on",)]


def test_who_has_met_is_hidden_deleted_or_has_no_vector_is_treated_as_on_sunday(finished: Connection):
    week = WEEKS[-1]
    moment, scale, engine = of_week(finished, week)
    user_id = next(iter(engine.position))
    [seeker] = member_queries.members_as_of(finished, week.cutoff, [user_id])
    [vector] = member_queries.member_vectors(finished, week.sunday, moment.model, [user_id])[1]

    def found() -> list[str]:
        return [match.b for match in find_matches(finished, seeker, vector, moment, scale)]

    first = found()
    talking, hidden, gone, without = first[:4]
    finished.execute(
        "insert into conversations (user1_clerk_id, user2_clerk_id, created_at) values (%s, %s, %s)",
        [*sorted([user_id, talking]), week.start],
    )
    finished.execute("update profiles set profile_visibility = 'hidden' where clerk_user_id = %s", [hidden])
    finished.execute("update profiles set deleted_at = now() where clerk_user_id = %s", [gone])
    finished.execute("delete from user_embeddings where user_id = %s", [without])
    second = found()
    assert set(first) - set(second) == {talking, hidden, gone}
    assert without in second
    assert set(second) <= set(first)


def test_a_member_without_a_vector_is_compared_with_everybody(finished: Connection):
    week = WEEKS[-1]
    moment, scale, engine = of_week(finished, week)
    user_id = next(iter(engine.position))
    finished.execute("delete from user_embeddings where user_id = %s", [user_id])
    [seeker] = member_queries.members_as_of(finished, week.cutoff, [user_id])
    matches = find_matches(finished, seeker, None, moment, scale)
    assert len(matches) > 2
    assert {match.factors["factors"][0]["value"] for match in matches} == {0.5}


def test_somebody_who_has_just_joined_finds_candidates_by_the_command(finished_url: str, tmp_path: Path):
    with connect(finished_url) as connection:
        newest = WEEKS[-1]
        model = connection.execute("select distinct model from user_embeddings").fetchall()[0][0]
        active = "update profiles set last_active_at = now()"
        connection.execute(active)
        save(connection, [row("user_new", gender="male", last_active_at=datetime.now(UTC), max_distance=20_000)])
        connection.execute(
            "update profiles set created_at = now() - interval '1 hour', bio = %s where clerk_user_id = 'user_new'",
            ["I volunteer at the food bank, read a lot and long for a calm home."],
        )
    settings = {"MATCHME_DATABASE_URL": finished_url, "MATCHME_FIRST_WEEK": "2026-01-04", "MATCHME_LLM": "local"}
    done = matchme("candidates", "user_new", "--json", "--most", "7", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["vectors_week"], answer["model"]) == (newest.key, model)
    assert [one["rank"] for one in answer["candidates"]] == list(range(1, 8))
    scores = [float(one["score"]) for one in answer["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert all(one["compatibility_factors"]["factors"][0]["value"] != 0.5 for one in answer["candidates"])


@pytest.mark.parametrize(
    ("user_id", "words"),
    [("user_x", "No member has the id 'user_x'"), ("user_new", "user_new cannot be matched: switched_off")],
)
def test_a_member_who_cannot_be_searched_for_is_told_why(finished_url: str, user_id: str, words: str):
    settings = process_settings()
    with connect(finished_url) as connection, open_models(settings, finished_url) as models:
        save(connection, [row("user_new", is_matchable=False)])
        with pytest.raises(PipelineError, match=words):
            candidates.find(connection, models, user_id, None)
        someone = member_queries.pairs_of_week(connection, WEEKS[-1].match_week)[0].a
        with pytest.raises(PipelineError, match="matchme run --week 2026-02-08"):
            candidates.find(connection, models, someone, Week(date(2026, 2, 8)))


def test_the_check_compares_a_sample_and_warns_of_an_index_that_gives_up_early(
    finished_url: str, monkeypatch: pytest.MonkeyPatch
):
    evaluation = searched(finished_url)
    assert evaluation.passed
    assert evaluation.metadata["recall"].value == 1.0
    assert evaluation.metadata["members"].value == 12
    assert evaluation.metadata["indexed"].value is True
    early = partner_query.ELIGIBLE_PARTNERS.replace("limit %(most)s", "limit 1")
    monkeypatch.setattr(partner_query, "ELIGIBLE_PARTNERS", early)
    evaluation = searched(finished_url)
    assert not evaluation.passed
    assert evaluation.metadata["recall"].value < 0.98


def searched(url: str) -> AssetCheckEvaluation:
    evaluations = materialise(url, WEEKS[-1], "weekly_matches").get_asset_check_evaluations()
    return next(one for one in evaluations if one.check_name == "search_finds_what_the_exact_way_finds")


def of_week(connection: Connection, week: Week) -> tuple[Moment, Scale, Engine]:
    model = scale_queries.model_of_matches(connection, week.match_week)
    assert model is not None
    scale = scale_queries.scale_of(connection, week.sunday, model)
    assert scale is not None
    moment = Moment(week.cutoff, week.sunday, week.match_week, model, USUAL)
    return moment, scale, weekly_matching.load_engine(connection, week, model)
