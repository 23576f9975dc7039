"""The app's database with its own faults: the doctor finds them, three repairs mend them; weeks run over both."""

from pathlib import Path

import psycopg
import pytest

from matchme_pipeline.cli import app_trials
from matchme_pipeline.database import files, repairs
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline_tests.app_tables.real_rows import write_city_clusters, write_members
from matchme_pipeline_tests.materialising import WEEKS, materialise

LAYOUTS = Path(files.app_tables_dir()).parent / "app_layouts"
# The layouts stand in for migrations of the app, which may run again after ours.
ONE_WRITER = files.migrations_dir() / "130_one_writer_of_scores.sql"
FAULTY = ("approvals", "own rows", "earlier batch", "policies", "scores' writer")


@pytest.fixture
def real_url(app_database_url: str) -> str:
    with connect(app_database_url) as connection:
        for name in ("mysoul_dna_scores_later", "real"):
            connection.execute((LAYOUTS / f"{name}.sql").read_text().encode())
        write_city_clusters(connection)
        write_members(connection, 40)
    return app_database_url


def findings(connection: Connection) -> dict[str, str]:
    """What each trial says; a fault begins with FAIL."""
    found = {}
    for name, trial in app_trials.TRIALS.items():
        try:
            found[name] = trial(connection)
        except ConfigurationError as error:
            found[name] = f"FAIL {error}"
    return found


def failing(connection: Connection) -> set[str]:
    return {name for name, said in findings(connection).items() if said.startswith("FAIL")}


def test_the_week_runs_over_the_apps_faults_and_repairs_mend_them(real_url: str):
    week = WEEKS[0]
    assert materialise(real_url, week).success
    with connect(real_url) as connection:
        found = findings(connection)
        assert {name for name, said in found.items() if said.startswith("FAIL")} == set(FAULTY)
        assert "percentile_rank" in found["score triggers"]
        for name, statement in repairs.repairs(files.app_repairs_dir()).items():
            repairs.apply(connection, statement)
            repairs.apply(connection, statement)
            assert name
        assert failing(connection) == {"scores' writer"}
        connection.execute(ONE_WRITER.read_text().encode())
        assert failing(connection) == set()
        # The member's own delete policy is named, not mended: it is the app's.
        opened = app_trials.policies(connection)
        assert "match_preferences.Users delete preferences (delete)" in opened
        assert "posts.Anyone can view visible posts (select)" in opened
        assert "own_rows" not in opened
        assert "later layout" in app_trials.layout(connection)
        assert connection.execute("select jobname from cron.job").fetchall() == [("clean-up-uploads",)]
        insight = connection.execute("select id, clerk_user_id from user_insights order by id limit 1").fetchone()
        assert insight is not None
        connection.execute(
            "update user_insights set status = 'approved', reviewed_at = now() where id = %s", [insight[0]]
        )
        counted = connection.execute(
            "select approved_insights_count from mysoul_dna_scores where user_id = %s", [insight[1]]
        ).fetchone()
        assert counted == (1,)
    assert materialise(real_url, week).success


@pytest.mark.parametrize(
    "statement",
    [
        "update mysoul_dna_scores set score = 100",
        "insert into mysoul_dna_scores (user_id, score, rarity_tier) values ('user_new', 100, 'LEGENDARY')",
        "delete from mysoul_dna_scores",
    ],
)
def test_a_members_token_writes_no_score_once_the_pipeline_is_there(real_url: str, statement: str):
    with connect(real_url) as connection:
        connection.execute(ONE_WRITER.read_text().encode())
        assert app_trials.scores_writer(connection).startswith("only the pipeline")
        connection.execute("set role authenticated")
        connection.execute("select set_config('request.jwt.claims', '{\"sub\": \"user_new\"}', false)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[arg-type]


FUNCTION = """
    create or replace function award_insight_review_points() returns trigger language plpgsql as $f$
    declare found_score integer;
    begin
        {body}
        return new;
    end $f$
"""


@pytest.mark.parametrize(
    "body",
    [
        "update mysoul_dna_scores set updated_at = now() where clerk_user_id = new.clerk_user_id;",
        "UPDATE public.mysoul_dna_scores AS s SET updated_at = now() WHERE new.clerk_user_id = s.clerk_user_id;",
        "update mysoul_dna_scores set updated_at = now() where mysoul_dna_scores.clerk_user_id = new.clerk_user_id;",
        "select score into found_score from mysoul_dna_scores where clerk_user_id = new.clerk_user_id limit 1;",
        "insert into mysoul_dna_scores (clerk_user_id, score) values (new.clerk_user_id, 1) "
        "on conflict (clerk_user_id) do update set updated_at = now();",
        "perform note_review(new.clerk_user_id);",
    ],
)
def test_the_repair_of_the_review_trigger_knows_the_statements_forms(app_database: Connection, body: str):
    app_database.execute(
        "create function note_review(member text) returns void language plpgsql as $f$ begin "
        "update mysoul_dna_scores set updated_at = now() where clerk_user_id = member; end $f$"
    )
    app_database.execute(FUNCTION.format(body=body).encode())
    with pytest.raises(ConfigurationError, match="clerk_user_id"):
        app_trials.approvals(app_database)
    repairs.apply(app_database, repairs.repair_named(files.app_repairs_dir(), "insight_review_trigger"))
    assert app_trials.approvals(app_database) == "an insight can be approved"
