"""What `matchme doctor` tries of the app: each fault with its cause and remedy; nothing is changed."""

from collections.abc import Callable

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.operations import app_trial_queries as trials

Trial = Callable[[Connection], str]


def approvals(connection: Connection) -> str:
    """Approve an insight, with the app's triggers."""
    if error := trials.approval_error(connection):
        raise ConfigurationError(
            f"Approving an insight fails ({error}), so that no insight counts. `matchme db repair "
            "insight_review_trigger` shows the repair of the app's trigger and applies it after your yes."
        )
    return "an insight can be approved"


def own_rows(connection: Connection) -> str:
    """Read one's own score and matches with a member's token."""
    for table in ("mysoul_dna_scores", "weekly_matches"):
        if error := trials.own_rows_error(connection, table):
            raise ConfigurationError(
                f"A member cannot read their own rows of {table} ({error}). `matchme db repair clerk_policies` shows "
                "the policies that read the token's subject as a uuid, and corrects them after your yes."
            )
    return "a member reads their own score and matches"


def member_jobs(connection: Connection) -> str:
    """Ask for a recalculation as the app's dna-calculate does."""
    if error := trials.job_insert_error(connection):
        raise ConfigurationError(
            f"A member cannot ask for a recalculation of their DNA ({error}). Run `matchme db migrate`, or let the app "
            "call the API's dna-calculate."
        )
    return "a member can ask for a recalculation, once a day"


def pipeline_rights(connection: Connection) -> str:
    """See every row, and have the keys that publishing relies on."""
    if hidden := trials.hidden_tables(connection):
        raise ConfigurationError(
            f"Row-level security hides rows of {', '.join(hidden)} from this role, so that members are missing "
            "silently. Connect as the tables' owner, or as a role with bypassrls (on Supabase: postgres)."
        )
    if missing := trials.missing_keys(connection):
        raise ConfigurationError(
            f"There is no unique key on {'; '.join(missing)}. Remove duplicate rows, then create it: publishing a week "
            "relies on it."
        )
    return "every row is seen, the keys are there"


def earlier_batch(connection: Connection) -> str:
    """Look for a schedule and for rows of an earlier batch."""
    if schedules := trials.scheduled_batches(connection):
        raise ConfigurationError(
            f"pg_cron still starts an earlier batch: {', '.join(schedules)}. It writes random one-sided matches into "
            "the same week. `matchme db repair earlier_batch_schedule` ends it after your yes."
        )
    if foreign := trials.foreign_matches(connection):
        weeks = ", ".join(f"{week}: {rows:,}" for week, rows in foreign)
        return (
            f"rows that another batch wrote into weekly_matches stand in these match weeks ({weeks}); the next run "
            "of such a week removes those that nobody has viewed"
        )
    return "no schedule and no rows of an earlier batch"


def policies(connection: Connection) -> str:
    """Name policies that fail for Clerk ids, and such as open others' rows."""
    if broken := trials.policies_by_uuid(connection):
        raise ConfigurationError(
            f"Policies compare with auth.uid(), which fails on Clerk ids: {', '.join(broken)}. `matchme db repair "
            "clerk_policies` shows and corrects them after your yes."
        )
    if opened := trials.open_policies(connection):
        return f"these policies of the app let members read or write others' rows: {', '.join(opened)}"
    return "no policy opens others' rows in what the pipeline reads"


def columns(connection: Connection) -> str:
    """Name columns that decide whom somebody meets and that nobody fills."""
    if unfilled := trials.unfilled_columns(connection):
        return (
            f"nobody has {', '.join(unfilled)} in profiles: such a value is unknown and keeps nobody apart "
            "(MATCHME_STRICT_UNKNOWN changes that)"
        )
    return "every column that matching reads is filled for somebody"


TRIALS: dict[str, Trial] = {
    "pipeline's rights": pipeline_rights,
    "approvals": approvals,
    "own rows": own_rows,
    "member's jobs": member_jobs,
    "earlier batch": earlier_batch,
    "policies": policies,
    "columns": columns,
}
