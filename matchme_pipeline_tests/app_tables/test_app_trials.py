"""The doctor tries what the app does, finds each planted fault, leaves nothing behind, and the repairs repair."""

from collections.abc import Callable

import pytest

from matchme_pipeline.cli import app_trials
from matchme_pipeline.database import files, repairs
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.operations import app_trial_queries as trials
from matchme_pipeline_tests.app_tables.real_rows import write_city_clusters, write_members
from matchme_pipeline_tests.materialising import changed_tables, rows_of_every_table

BROKEN_TRIGGER = """
    create or replace function award_insight_review_points() returns trigger language plpgsql as $$
    begin
        insert into gamification_progress (clerk_user_id, total_points) values (new.clerk_user_id, 10)
        on conflict (clerk_user_id) do update set total_points = gamification_progress.total_points + 10;
        update mysoul_dna_scores set updated_at = now() where clerk_user_id = new.clerk_user_id;
        return new;
    end
    $$
"""
AUTH = """
    create schema if not exists auth;
    create or replace function auth.uid() returns uuid language sql stable as
    $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
    grant usage on schema auth to authenticated;
    drop policy own_rows on mysoul_dna_scores;
    create policy own_rows on mysoul_dna_scores for select using ((select auth.uid())::text = user_id)
"""
CRON = """
    create schema cron;
    create table cron.job (jobid bigint, jobname text, schedule text, command text, active boolean default true);
    insert into cron.job values (7, 'weekly-batch', '0 2 * * 0', 'select net.http_post(''…/weekly-batch'')');
    create function cron.unschedule(id bigint) returns boolean language sql as
    $$ delete from cron.job where jobid = id returning true $$
"""
REWRITING_TRIGGER = """
    create function bump_score() returns trigger language plpgsql as
    $$ begin new.score := least(100, new.score + 3); return new; end $$;
    create trigger bump_score before insert or update on mysoul_dna_scores
        for each row execute function bump_score()
"""


@pytest.fixture
def real(app_database: Connection) -> Connection:
    write_city_clusters(app_database)
    ids = write_members(app_database, 12)
    app_database.execute("insert into mysoul_dna_scores (user_id) values (%s)", [ids[0]])
    return app_database


def test_on_a_sound_app_every_trial_passes_and_nothing_stays(real: Connection):
    before = rows_of_every_table(real)
    answers = {name: trial(real) for name, trial in app_trials.TRIALS.items()}
    assert changed_tables(before, rows_of_every_table(real)) == []
    assert "onboarding_completed" in answers["columns"]
    assert "marital_status" in answers["columns"]


@pytest.mark.parametrize(
    ("trial", "fault", "words"),
    [
        (app_trials.approvals, BROKEN_TRIGGER, ("clerk_user_id", "matchme db repair insight_review_trigger")),
        (app_trials.own_rows, AUTH, ("mysoul_dna_scores", "matchme db repair clerk_policies")),
        (app_trials.policies, AUTH, ("mysoul_dna_scores.own_rows", "auth.uid()")),
        (
            app_trials.own_rows,
            "revoke select on mysoul_dna_scores from authenticated",
            ("permission denied", "grant select on mysoul_dna_scores"),
        ),
        (app_trials.own_rows, "drop policy own_rows on mysoul_dna_scores", ("sees none", "create policy")),
        (app_trials.earlier_batch, CRON, ("weekly-batch (0 2 * * 0)", "matchme db repair earlier_batch_schedule")),
        (app_trials.member_jobs, "drop policy matchme_member_asks_for_dna on batch_processing_queue", ("row-level",)),
        (app_trials.score_triggers, REWRITING_TRIGGER, ("rewrites score", "bump_score")),
        (
            app_trials.pipeline_rights,
            "alter table match_preferences drop constraint match_preferences_clerk_user_id_key",
            ("match_preferences (clerk_user_id)",),
        ),
        (app_trials.pipeline_rights, "drop index weekly_matches_pair_key", ("weekly_matches", "match_user_id")),
    ],
)
def test_a_planted_fault_is_found_with_its_remedy(
    real: Connection, trial: Callable[[Connection], str], fault: str, words: tuple[str, ...]
):
    trial(real)
    real.execute(fault.encode())
    with pytest.raises(ConfigurationError) as found:
        trial(real)
    assert all(word in str(found.value) for word in words), found.value


def test_rows_of_another_batch_and_open_policies_are_named(real: Connection):
    real.execute(
        "insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date) "
        "values ('user_real0000', 'user_real0001', 50, 1, '2026-01-11')"
    )
    assert "2026-01-11: 1" in app_trials.earlier_batch(real)
    real.execute("create policy anyone_deletes on match_preferences for delete using (true)")
    assert "match_preferences.anyone_deletes (delete)" in app_trials.policies(real)


@pytest.mark.parametrize(
    ("name", "fault", "trial"),
    [
        ("insight_review_trigger", BROKEN_TRIGGER, app_trials.approvals),
        ("clerk_policies", AUTH, app_trials.own_rows),
        ("earlier_batch_schedule", CRON, app_trials.earlier_batch),
    ],
)
def test_a_repair_repairs_and_may_be_applied_again(
    real: Connection, name: str, fault: str, trial: Callable[[Connection], str]
):
    real.execute(fault.encode())
    statement = repairs.repair_named(files.app_repairs_dir(), name)
    assert len(repairs.purpose(statement)) > 40
    for _ in range(2):
        repairs.apply(real, statement)
        trial(real)


def test_a_member_asks_for_their_own_dna_once_a_day_and_for_nothing_else(real: Connection):
    member, other = "user_real0000", "user_real0001"

    def asks(user_id: str, kind: str = "dna_recalculation", **columns: str) -> str | None:
        extra = "".join(f", {column}" for column in columns)
        values = "".join(f", {value}" for value in columns.values())
        try:
            with real.transaction():
                trials._become(real, member)
                real.execute(
                    f"insert into batch_processing_queue (user_id, job_type, payload{extra}) "
                    f"values (%s, %s, '{{}}'{values})".encode(),
                    [user_id, kind],
                )
        except Exception as error:
            return str(error)
        return None

    assert asks(other) is not None
    assert asks(member, "match_generation") is not None
    assert asks(member, status="'completed'") is not None
    assert asks(member, scheduled_for="now() + interval '30 days'") is not None
    assert asks(member, created_at="now() - interval '3 days'") is not None
    assert asks(member, attempts="3") is not None
    assert asks(member) is None
    assert asks(member) is not None
    rows = real.execute("select user_id, job_type, status, payload from batch_processing_queue").fetchall()
    assert rows == [(member, "dna_recalculation", "pending", {"asked_by": "member"})]


def test_unknown_repairs_are_refused_by_name():
    with pytest.raises(ConfigurationError, match="clerk_policies"):
        repairs.repair_named(files.app_repairs_dir(), "nothing")
