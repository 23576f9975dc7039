"""SQL that searches the catalogue for objects of the app that break the pipeline; it changes nothing."""

from matchme_pipeline.database.connection import Connection

# The app's tables that the pipeline reads and writes.
READ_TABLES = (
    "profiles", "posts", "voice_introductions", "match_preferences", "islamic_preferences", "dna_answers",
    "user_insights", "conversations", "messages", "user_city_assignments", "weekly_matches", "mysoul_dna_scores",
)  # fmt: skip
# Tables that only the API uses; a function of the API answers 503 if its table is missing.
USED_TABLES = (
    *READ_TABLES, "mysoul_score_history", "mysoul_achievements", "gamification_progress", "city_clusters",
    "cultural_profiles", "cultural_backgrounds", "dna_questionnaires", "mmagent_token_usage", "governance_rules",
    "cost_alerts", "batch_processing_queue", "batch_run_history",
)  # fmt: skip
WRITTEN_TABLES = ("user_insights", "weekly_matches", "mysoul_dna_scores", "batch_processing_queue", "batch_run_history")
# Expressions with which a policy identifies the calling member; a policy without any of them applies to everybody.
CALLER = r"jwt|\muid\(\)|member_id\(|user_id\(\)|clerk_user_id\(|current_user\M"
# Tables that every member may read.
SHARED_BY_DESIGN = ("dna_questionnaires", "city_clusters")
# Functions of the app's triggers on scores; the pipeline bypasses them when it publishes.
SET_ASIDE_TRIGGERS = ("update_dna_percentile_rank", "auto_record_score_history")
# Columns that affect eligibility and that no screen of the app may fill.
MATCHING_COLUMNS = (
    "onboarding_completed", "last_active_at", "lat", "lng", "education_level", "marital_status", "has_children",
)  # fmt: skip


def hidden_tables(connection: Connection) -> list[str]:
    """Tables whose rows row-level security hides from the pipeline's role."""
    rows = connection.execute(
        """
        select c.relname
        from pg_class c
        join pg_roles r on r.rolname = current_user
        where c.oid = any(select to_regclass(name) from unnest(%s::text[]) as name) and c.relrowsecurity
            and not r.rolsuper and not r.rolbypassrls
            and (c.relforcerowsecurity or not pg_has_role(current_user, c.relowner, 'usage'))
        order by 1
        """,
        [list(READ_TABLES)],
    ).fetchall()
    return [name for (name,) in rows]


def scheduled_batches(connection: Connection) -> list[str]:
    """Active schedules of an earlier batch in pg_cron, as `name (schedule)`."""
    exists = connection.execute("select to_regclass('cron.job') is not null").fetchone()
    if not exists or not exists[0]:
        return []
    rows = connection.execute(
        """
        select coalesce(to_jsonb(j) ->> 'jobname', to_jsonb(j) ->> 'jobid') || ' (' || j.schedule || ')'
        from cron.job j
        where coalesce(to_jsonb(j) ->> 'active', 'true') = 'true'
            and (j.command ~* 'batch|weekly_matches' or coalesce(to_jsonb(j) ->> 'jobname', '') ~* 'batch')
        order by 1
        """
    ).fetchall()
    return [name for (name,) in rows]


def foreign_matches(connection: Connection) -> list[tuple[str, int]]:
    """Match weeks with rows that the pipeline did not write, the newest first, with how many."""
    return connection.execute(
        "select week_start_date::text, count(*)::integer from weekly_matches "
        "where embedding_model is null group by 1 order by 1 desc limit 10"
    ).fetchall()


def policies_by_uuid(connection: Connection) -> list[str]:
    """Policies that compare with auth.uid(), which no Clerk id is, as `table.policy`."""
    rows = connection.execute(
        "select tablename || '.' || policyname from pg_policies where schemaname = current_schema() "
        "and (qual ~ 'auth\\.uid\\(\\)' or with_check ~ 'auth\\.uid\\(\\)') order by 1"
    ).fetchall()
    return [name for (name,) in rows]


def open_policies(connection: Connection) -> list[str]:
    """Policies and grants that let members or the public read or write other members' rows in tables that the pipeline
    reads.

    Returns policies without a test of the caller as `table.policy (command)`, and tables without row-level security
    that these roles may use.
    """
    rows = connection.execute(
        """
        select o.tablename || '.' || o.policyname || ' (' || lower(o.cmd) || ')'
        from pg_policies o
        where o.schemaname = current_schema() and o.tablename = any(%(tables)s)
            and o.permissive = 'PERMISSIVE' and o.roles && array['public', 'anon', 'authenticated']::name[]
            and (
                (o.cmd <> 'INSERT' and coalesce(o.qual, 'true') !~* %(caller)s)
                or (o.cmd = 'INSERT' and coalesce(o.with_check, 'true') !~* %(caller)s)
            )
        union all
        select c.relname || ' (no row-level security)'
        from pg_class c
        where c.oid = any(select to_regclass(name) from unnest(%(tables)s::text[]) as name) and not c.relrowsecurity
            and exists (
                select from pg_roles r
                where r.rolname in ('anon', 'authenticated')
                    and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete')
            )
        order by 1
        """,
        {"tables": list(USED_TABLES), "caller": CALLER},
    ).fetchall()
    return [name for (name,) in rows if not name.startswith(SHARED_BY_DESIGN)]


def member_writers_of_scores(connection: Connection) -> list[str]:
    """Ways in which a member's token can write `mysoul_dna_scores`: a privilege with a policy, or without row-level
    security.
    """
    rows = connection.execute(
        """
        select r.rolname || ' may ' || p.privilege
        from pg_roles r
        cross join unnest(array['insert', 'update', 'delete']) as p (privilege)
        join pg_class c on c.oid = to_regclass('mysoul_dna_scores')
        where r.rolname in ('anon', 'authenticated')
            and (
                has_table_privilege(r.oid, c.oid, p.privilege)
                or (p.privilege <> 'delete' and has_any_column_privilege(r.oid, c.oid, p.privilege))
            )
            and (
                not c.relrowsecurity
                or exists (
                    select from pg_policies o
                    where o.schemaname = current_schema() and o.tablename = c.relname
                        and lower(o.cmd) in ('all', p.privilege) and o.roles && array['public', r.rolname]::name[]
                )
            )
        order by 1
        """
    ).fetchall()
    return [name for (name,) in rows]


def app_tables(connection: Connection) -> tuple[int, list[str]]:
    """The number of the app's tables that the pipeline and the API use, and the names of missing ones."""
    rows = connection.execute(
        "select name from unnest(%s::text[]) as name where to_regclass(name) is null order by 1",
        [list(USED_TABLES)],
    ).fetchall()
    missing = [name for (name,) in rows]
    return len(USED_TABLES) - len(missing), missing


def unfilled_columns(connection: Connection) -> list[str]:
    """Columns of `profiles` that affect eligibility and are empty for all members; none if there are no members."""
    members = connection.execute("select count(*) from profiles where deleted_at is null").fetchone()
    if not members or members[0] == 0:
        return []
    row = connection.execute(
        """
        select bool_or(onboarding_completed), bool_or(last_active_at is not null), bool_or(lat is not null),
            bool_or(lng is not null), bool_or(education_level is not null), bool_or(marital_status is not null),
            bool_or(has_children is not null)
        from profiles where deleted_at is null
        """
    ).fetchone()
    return [name for name, filled in zip(MATCHING_COLUMNS, row or (), strict=True) if not filled]


def missing_keys(connection: Connection) -> list[str]:
    """Missing unique keys that the pipeline needs, as `table (columns)`."""
    rows = connection.execute(
        """
        select k.name || ' (' || array_to_string(k.columns, ', ') || ')'
        from (values
            ('weekly_matches', array['user_id', 'match_user_id', 'week_start_date']),
            ('mysoul_dna_scores', array['user_id']),
            ('profiles', array['clerk_user_id']),
            ('match_preferences', array['clerk_user_id']),
            ('islamic_preferences', array['clerk_user_id'])
        ) as k (name, columns)
        where to_regclass(k.name) is not null and not exists (
            select from pg_index i
            where i.indrelid = to_regclass(k.name) and i.indisunique and i.indisvalid and i.indpred is null
                and i.indexprs is null
                and (
                    select array_agg(a.attname::text order by a.attname)
                    from unnest((i.indkey::smallint[])[0:i.indnkeyatts - 1]) as place
                    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = place
                ) = (select array_agg(c order by c) from unnest(k.columns) as c)
        )
        order by 1
        """
    ).fetchall()
    return [name for (name,) in rows]


def missing_privileges(connection: Connection) -> list[str]:
    """Missing privileges of the pipeline's role on the app's tables, as `select on posts`."""
    rows = connection.execute(
        """
        select p.privilege || ' on ' || p.name
        from (
            select name, 'select' as privilege from unnest(%(read)s::text[]) as name
            union all
            select name, privilege
            from unnest(%(written)s::text[]) as name cross join unnest(array['insert', 'update', 'delete']) as privilege
            union all
            select 'posts', 'update'
        ) p
        where to_regclass(p.name) is not null and not has_table_privilege(to_regclass(p.name), p.privilege)
        order by 1
        """,
        {"read": list(READ_TABLES), "written": list(WRITTEN_TABLES)},
    ).fetchall()
    return [name for (name,) in rows]


def score_triggers(connection: Connection) -> list[tuple[str, bool]]:
    """Enabled triggers of `mysoul_dna_scores` that fire before a write, and whether publishing sets each aside."""
    return connection.execute(
        """
        select t.tgname::text, p.proname = any(%s) and pg_has_role(c.relowner, 'usage')
        from pg_trigger t
        join pg_class c on c.oid = t.tgrelid
        join pg_proc p on p.oid = t.tgfoid
        where t.tgrelid = to_regclass('mysoul_dna_scores') and not t.tgisinternal and t.tgenabled <> 'D'
            and p.proname <> 'update_posts_updated_at'
        order by 1
        """,
        [list(SET_ASIDE_TRIGGERS)],
    ).fetchall()
