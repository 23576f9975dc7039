"""The checks of `matchme doctor` on the app's database: each fault with cause and remedy; they change nothing."""

from collections.abc import Callable

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna.queries.published import score_layout
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.operations import app_object_queries as objects
from matchme_pipeline.operations import app_trial_queries as trials

Trial = Callable[[Connection], str]


class Notice(str):
    """A finding that needs attention but is not a failure."""


def approvals(connection: Connection) -> str:
    """Approve an insight, with the app's triggers."""
    if refusal := trials.approval_refusal(connection):
        raise ConfigurationError(
            f"Approving an insight fails ({refusal}), so that no insight counts. `matchme db repair "
            "insight_review_trigger` shows the repair of the app's trigger and applies it after your yes; where the "
            "sentence names a uuid, `matchme db repair clerk_policies` does."
        )
    return "an insight can be approved"


def own_rows(connection: Connection) -> str:
    """Read a member's own score and matches with the member's token."""
    for table in ("mysoul_dna_scores", "weekly_matches"):
        if refusal := trials.own_rows_refusal(connection, table):
            raise ConfigurationError(
                f"A member cannot read their own rows of {table} ({refusal}). {_remedy(refusal, table)}"
            )
    return "a member reads their own score and matches"


def _remedy(refusal: trials.Refusal, table: str) -> str:
    if refusal.is_privilege:
        return f"Grant it: `grant select on {table} to authenticated`."
    if refusal.is_hidden:
        return (
            f"Create the policy that shows members their rows: `create policy own_rows on {table} for select "
            "using (user_id = matchme_member_id())`."
        )
    return (
        "`matchme db repair clerk_policies` shows the policies that read the token's subject as a uuid, and corrects "
        "them after your yes."
    )


def member_jobs(connection: Connection) -> str:
    """Request a recalculation as the app's dna-calculate does."""
    if refusal := trials.job_refusal(connection):
        raise ConfigurationError(
            f"A member cannot ask for a recalculation of their DNA ({refusal}). Apply "
            "sql/migrations/127_members_ask_for_dna.sql again, or let the app call the API's dna-calculate."
        )
    return "a member can ask for a recalculation, once a day"


def score_triggers(connection: Connection) -> str:
    """Write a score and read it back: the two must be equal."""
    rewritten = trials.rewritten_score_columns(connection)
    triggers = objects.score_triggers(connection)
    unknown_triggers = [name for name, is_set_aside in triggers if not is_set_aside]
    if rewritten and unknown_triggers:
        raise ConfigurationError(
            f"A trigger of mysoul_dna_scores rewrites {', '.join(rewritten)}, so that members see other values than "
            f"were computed: {', '.join(unknown_triggers)}. Drop or disable it, or connect as the table's owner, who "
            "can set the app's own triggers aside while a week is published."
        )
    if rewritten:
        names = ", ".join(name for name, _ in triggers)
        return Notice(
            f"triggers rewrite {', '.join(rewritten)} ({names}); publishing a week sets them aside, but a score that "
            "the app's browser code writes is rewritten, and replaces the pipeline's until the next Sunday"
        )
    return "a written score is read back unchanged"


def pipeline_rights(connection: Connection) -> str:
    """Check that all rows are visible and that the keys for publishing exist."""
    if hidden := objects.hidden_tables(connection):
        raise ConfigurationError(
            f"Row-level security hides rows of {', '.join(hidden)} from this role, so that members are missing "
            "silently. Connect as the tables' owner, or as a role with bypassrls (on Supabase: postgres)."
        )
    if denied := objects.missing_privileges(connection):
        raise ConfigurationError(
            f"The pipeline's role lacks {', '.join(denied)}. Grant these, or connect as the tables' owner."
        )
    if missing := objects.missing_keys(connection):
        raise ConfigurationError(
            f"There is no unique key on {'; '.join(missing)}. Remove duplicate rows, then create it: reading "
            "members once and publishing a week rely on it."
        )
    return "every row is visible, the unique keys exist"


def earlier_batch(connection: Connection) -> str:
    """Look for a schedule and rows of an earlier batch."""
    if schedules := objects.scheduled_batches(connection):
        raise ConfigurationError(
            f"pg_cron still starts an earlier batch: {', '.join(schedules)}. It writes random one-sided matches into "
            "the same week. `matchme db repair earlier_batch_schedule` ends it after your yes."
        )
    if foreign := objects.foreign_matches(connection):
        weeks = ", ".join(f"{week}: {rows:,}" for week, rows in foreign)
        return Notice(
            f"weekly_matches contains rows of another batch in these match weeks ({weeks}); the next run "
            "of such a week removes those that no member has viewed"
        )
    return "no schedule and no rows of an earlier batch"


def policies(connection: Connection) -> str:
    """Name policies that fail for Clerk ids, and policies that expose other members' rows."""
    if broken := objects.policies_by_uuid(connection):
        raise ConfigurationError(
            f"Policies compare with auth.uid(), which fails on Clerk ids: {', '.join(broken)}. `matchme db repair "
            "clerk_policies` shows and corrects them after your yes."
        )
    if opened := objects.open_policies(connection):
        return Notice(f"these policies of the app let members read or write others' rows: {', '.join(opened)}")
    return "no policy exposes other members' rows of the tables that the pipeline reads"


def scores_writer(connection: Connection) -> str:
    """Check that no member's token can write a score."""
    if writers := objects.member_writers_of_scores(connection):
        raise ConfigurationError(
            f"Members can write their own DNA score ({', '.join(writers)}), so that the app's browser code replaces "
            "the pipeline's until the next Sunday. A migration of the app has opened the table since: apply "
            "sql/migrations/130_one_writer_of_scores.sql again."
        )
    return "only the pipeline writes scores"


def layout(connection: Connection) -> str:
    """Report the layout of the scores and the app's objects that exist."""
    found, missing = objects.app_tables(connection)
    said = f"scores in the {score_layout(connection)} layout, {found} of the app's tables"
    return Notice(f"{said}; not there: {', '.join(missing)}") if missing else said


def columns(connection: Connection) -> str:
    """Name the matching columns that are empty for every member."""
    if unfilled := objects.unfilled_columns(connection):
        return Notice(
            f"profiles has no value for {', '.join(unfilled)}: unknown values exclude no pair "
            "(MATCHME_STRICT_UNKNOWN changes that)"
        )
    return "every column that matching reads has values"


TRIALS: dict[str, Trial] = {
    "layout": layout,
    "pipeline's rights": pipeline_rights,
    "approvals": approvals,
    "own rows": own_rows,
    "member's jobs": member_jobs,
    "score triggers": score_triggers,
    "scores' writer": scores_writer,
    "earlier batch": earlier_batch,
    "policies": policies,
    "columns": columns,
}
