"""Adopts jobs that the app inserts (a member and a type, no week) into a run's week."""

from dataclasses import dataclass
from datetime import date, datetime

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.model import JobType


@dataclass(frozen=True)
class Adoption:
    """Counts of the app's rows that became jobs of the week, were folded into an existing job, or were malformed."""

    adopted: int
    folded: int
    rejected: int


def adopt(connection: Connection, job_type: JobType, week: date, created_before: datetime | None) -> Adoption:
    """Make the app's open rows of `job_type` that are older than `created_before` (None: all) jobs of `week`.

    If the member already has a job of that week, the row is folded into it: a completed job reopens, and the app's row
    is completed with `folded_into` in its payload. A malformed row fails alone with its reason. A row stays unchanged
    for a later run if a worker is working on the job, or if the row is scheduled for later.
    """
    parameters = {"job_type": job_type, "week": week, "before": created_before or "infinity"}
    with connection.transaction():
        connection.execute("drop table if exists pg_temp.app_jobs")
        connection.execute(_STAGE, parameters)
        rejected = connection.execute(_REJECT).rowcount + connection.execute(_REJECT_OF_WEEK, parameters).rowcount
        adopted = connection.execute(_ADOPT, parameters).rowcount
        connection.execute(_REOPEN, parameters)
        folded = connection.execute(_FOLD, parameters).rowcount
    return Adoption(adopted, folded, rejected)


def reject_malformed(connection: Connection) -> int:
    """Fail the app's malformed rows of every type, with their reasons; returns the number of rows."""
    rejected = 0
    for job_type in JobType:
        with connection.transaction():
            connection.execute("drop table if exists pg_temp.app_jobs")
            connection.execute(_STAGE, {"job_type": job_type, "before": "infinity"})
            rejected += connection.execute(_REJECT).rowcount
            rejected += connection.execute(_REJECT_OF_WEEK, {"job_type": job_type}).rowcount
    return rejected


_STAGE = """
    create temporary table app_jobs on commit drop as
    select q.id, q.user_id, q.priority,
        row_number() over (partition by q.user_id order by q.priority, q.created_at, q.id) as place,
        case
            when jsonb_typeof(q.payload) <> 'object'
                then 'malformed: the payload is a JSON ' || jsonb_typeof(q.payload) || ', it has to be an object'
            when p.clerk_user_id is null then 'malformed: no member has this user_id'
            when p.deleted_at is not null then 'the member has deleted themselves'
        end as reason
    from (
        select * from batch_processing_queue
        where (week is null or subject is null) and job_type = %(job_type)s and status in ('pending', 'retry')
            and created_at < %(before)s::timestamptz and scheduled_for <= now()
        for update skip locked
    ) q
    left join profiles p on p.clerk_user_id = q.user_id
"""

_REJECT = """
    with rejected as (delete from app_jobs where reason is not null returning id, reason)
    update batch_processing_queue q
    set status = 'failed', last_error = r.reason, attempts = greatest(q.attempts, 1)
    from rejected r
    where q.id = r.id
"""

# Rows that name a week and a subject, as only the pipeline's rows do, and that no run could claim.
_REJECT_OF_WEEK = """
    update batch_processing_queue
    set status = 'failed', attempts = greatest(attempts, 1), lease_expires_at = null,
        last_error = case
            when jsonb_typeof(payload) <> 'object'
                then 'malformed: the payload is a JSON ' || jsonb_typeof(payload) || ', it has to be an object'
            else 'malformed: the week ' || week || ' is no Sunday; leave week and subject empty'
        end
    where job_type = %(job_type)s
        -- In the words of the index.
        and status in ('pending', 'retry', 'processing') and week is not null and subject is not null
        and (extract(isodow from week) <> 7 or jsonb_typeof(payload) <> 'object')
"""

_ADOPT = """
    with adopted as (
        delete from app_jobs a
        where a.place = (select min(b.place) from app_jobs b where b.user_id = a.user_id)
            and not exists (
                select from batch_processing_queue q
                where q.job_type = %(job_type)s and q.week = %(week)s and q.subject = a.user_id
            )
        returning a.id
    )
    update batch_processing_queue q
    set week = %(week)s, subject = q.user_id, status = 'pending', attempts = 0
    from adopted
    where q.id = adopted.id
"""

_REOPEN = """
    update batch_processing_queue q
    set status = case when q.status in ('completed', 'failed') then 'pending' else q.status end,
        attempts = case when q.status in ('completed', 'failed') then 0 else q.attempts end,
        completed_at = null,
        last_error = case when q.status in ('completed', 'failed') then null else q.last_error end,
        priority = least(q.priority, a.priority)
    from (select user_id, min(priority) as priority from app_jobs group by user_id) a
    where q.job_type = %(job_type)s and q.week = %(week)s and q.subject = a.user_id and q.status <> 'processing'
"""

_FOLD = """
    update batch_processing_queue q
    set status = 'completed', completed_at = now(), last_error = null,
        payload = q.payload || jsonb_build_object('folded_into', j.id)
    from app_jobs a
    join batch_processing_queue j
        on j.job_type = %(job_type)s and j.week = %(week)s and j.subject = a.user_id and j.status <> 'processing'
    where q.id = a.id
"""
