"""Score refreshes between Sundays, for members who reviewed insights or for whom the app requests one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna import queries as dna_queries
from matchme_pipeline.dna import weekly
from matchme_pipeline.dna.weights import ALGORITHM_VERSION
from matchme_pipeline.jobs import week_jobs
from matchme_pipeline.jobs.adoption import Adoption, adopt
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.week import Week

# A member reviews a week's insights one after another; the score is computed once, after the last review.
QUIET = timedelta(minutes=10)
# A review's time is set before its transaction commits, and clocks differ: look back further, and find each review
# once.
OVERLAP = timedelta(hours=1)
MAX_MEMBERS = 5_000


@dataclass(frozen=True)
class Refreshed:
    """The result of a refresh: members with a new score, and adopted rows of the app."""

    week: str
    members: int
    shown: int
    adopted: Adoption


def enqueue_reviewers(connection: Connection, since: datetime, now: datetime) -> int:
    """Enqueue a job for each member whose last review lies between `since` and ten minutes ago; returns the number of
    jobs.

    Each member and last review is enqueued once, even if the function runs again. Reviews with a missing, infinite or
    future time (clients set it) wait for the next weekly run.
    """
    return connection.execute(
        """
        with reviewers as (
            -- As text: what the app writes under this name into payloads of its own may be anything.
            select i.clerk_user_id as user_id,
                to_char(max(i.reviewed_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as reviewed_at
            from user_insights i
            where i.status in ('approved', 'rejected') and i.reviewed_at > %(since)s and i.reviewed_at <= %(now)s
            group by 1
            having max(i.reviewed_at) <= %(now)s - make_interval(secs => %(quiet)s)
        )
        insert into batch_processing_queue (user_id, job_type, payload)
        select r.user_id, %(job_type)s::text, jsonb_build_object('reviewed_at', r.reviewed_at)
        from reviewers r
        join profiles p on p.clerk_user_id = r.user_id and p.deleted_at is null
        where not exists (
            select from batch_processing_queue q
            where q.user_id = r.user_id and q.job_type = %(job_type)s::text
                and q.payload ->> 'reviewed_at' = r.reviewed_at
        )
        order by r.user_id
        limit %(most)s
        """,
        {
            "since": since - OVERLAP,
            "now": now,
            "quiet": QUIET.total_seconds(),
            "job_type": JobType.DNA_RECALCULATION,
            "most": MAX_MEMBERS,
        },
    ).rowcount


def refresh_members(connection: Connection, dagster_run_id: str, now: datetime) -> Refreshed | None:
    """Show all members with an open job their current score, and finish the jobs; None if no week has scores yet."""
    newest = dna_queries.newest_week(connection)
    if newest is None:
        return None
    week = Week(newest)
    adopted = adopt(connection, JobType.DNA_RECALCULATION, newest, None)
    members = week_jobs.members_with_open_jobs(connection, JobType.DNA_RECALCULATION, newest, MAX_MEMBERS)
    if not members:
        return Refreshed(week.key, 0, 0, adopted)
    # Only these members' jobs: a job beyond the limit or in backoff must not be completed without a score.
    with week_jobs.members_taken(
        connection, JobType.DNA_RECALCULATION, newest, dagster_run_id, members, ALGORITHM_VERSION, others_too=False
    ) as taken:
        # Always the whole population, because a review also changes the frequency of traits.
        shown = weekly.refresh(connection, week, members, now)
        week_jobs.finish_members(connection, taken, {})
    return Refreshed(week.key, len(members), shown, adopted)
