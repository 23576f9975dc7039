"""SQL of retention: what each rule removes, and how large the tables are."""

from collections.abc import Collection
from datetime import date, datetime

from matchme_pipeline.database.connection import Connection


def remove_member_vectors(connection: Connection, before: date, but: Collection[date]) -> int:
    """Remove members' vectors of weeks before `before`, other than those in `but` and the newest of each model.

    The hashes of texts that only these weeks used are stored, so that they can be removed when a member is removed.
    """
    parameters = {"before": before, "but": list(but)}
    connection.execute(
        """
        create temporary table old_vectors on commit drop as
        select user_id, week, model from user_embeddings e
        where week < %(before)s and week <> all(%(but)s::date[])
            and week < (select max(n.week) from user_embeddings n where n.model = e.model)
        """,
        parameters,
    )
    connection.execute(
        """
        insert into past_vector_parts (user_id, content_hash)
        select e.user_id, p.content_hash
        from user_embeddings e
        join old_vectors o on o.user_id = e.user_id and o.week = e.week and o.model = e.model
        cross join lateral unnest(e.part_hashes) as p (content_hash)
        except
        select e.user_id, p.content_hash
        from user_embeddings e
        cross join lateral unnest(e.part_hashes) as p (content_hash)
        where not exists (
            select from old_vectors o where o.user_id = e.user_id and o.week = e.week and o.model = e.model
        )
        on conflict do nothing
        """
    )
    return connection.execute(
        """
        delete from user_embeddings e using old_vectors o
        where o.user_id = e.user_id and o.week = e.week and o.model = e.model
        """
    ).rowcount


def remove_passing_outcomes(connection: Connection, before: date, but: Collection[date]) -> int:
    """Remove outcomes that weeks before `before`, other than those in `but`, observed and a later one of them did too.

    The last observation of every match week stays. A week that is materialised again observes the others anew.
    """
    return connection.execute(
        """
        delete from match_outcomes o using (
            select week, match_week, max(week) over (partition by match_week) as newest
            from (select distinct week, match_week from match_outcomes where week < %(before)s) observed
        ) old
        where (o.week, o.match_week) = (old.week, old.match_week) and old.week < old.newest
            and o.week <> all(%(but)s::date[])
        """,
        {"before": before, "but": list(but)},
    ).rowcount


def remove_finished_jobs(connection: Connection, before: date, but: Collection[date]) -> int:
    """Remove completed jobs of weeks before `before`, other than those in `but`; failed ones stay."""
    return connection.execute(
        "delete from batch_processing_queue where status = 'completed' and week < %s and week <> all(%s::date[])",
        [before, list(but)],
    ).rowcount


def remove_audit(connection: Connection, before: datetime) -> int:
    """Remove audit rows of the API from before `before`."""
    return connection.execute("delete from api_audit where asked_at < %s", [before]).rowcount


def remove_departures(connection: Connection, before: datetime) -> int:
    """Remove send times of requests from before `before`."""
    return connection.execute("delete from llm_departures where left_at < %s", [before]).rowcount


def remove_read_batches(connection: Connection, before: datetime, newest_kept: int) -> int:
    """Remove batches from before `before` that are read or given up, but the newest of each stage.

    Their answers are stored elsewhere; the newest tell how long a batch usually takes.
    """
    return connection.execute(
        """
        delete from llm_batches b using (
            select id, status, created_at, row_number() over (partition by stage order by created_at desc) as place
            from llm_batches
        ) ranked
        where ranked.id = b.id and b.status in ('read', 'lost') and b.created_at < %s and ranked.place > %s
        """,
        [before, newest_kept],
    ).rowcount


def remove_stale_reservations(connection: Connection, before: datetime) -> int:
    """Remove reservations in a budget that ended before `before`: of processes that were killed."""
    return connection.execute("delete from llm_budget_holdings where held_until < %s", [before]).rowcount


def remove_triggers(connection: Connection, before: datetime) -> int:
    """Remove requests for runs from before `before` that have been launched or have failed."""
    return connection.execute(
        "delete from api_triggers where requested_at < %s and state <> 'launching'", [before]
    ).rowcount


def bytes_by_table(connection: Connection) -> dict[str, int]:
    """The size of every table of the schema `public` with its indexes, the largest first."""
    rows = connection.execute(
        """
        select c.relname, pg_total_relation_size(c.oid)
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind = 'r'
        order by 2 desc, 1
        """
    ).fetchall()
    return dict(rows)
