-- What the API hides of a job, a member's own token does not read in SQL either; and nobody but the pipeline sets its
-- sequences, which Supabase's default privileges open to every role.
do $$
declare
    role_name text;
    owned record;
begin
    foreach role_name in array array['anon', 'authenticated'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            continue;
        end if;
        for owned in
            select s.oid::regclass as sequence_name
            from pg_class s
            join pg_depend d on d.objid = s.oid and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass
            join pg_class t on t.oid = d.refobjid
            join pg_namespace n on n.oid = s.relnamespace
            where s.relkind = 'S' and n.nspname = current_schema()
                and (
                    t.relname like 'llm\_%' or t.relname like 'api\_%' or t.relname like 'batch\_%'
                    or t.relname like 'pipeline\_%' or t.relname like 'matching\_%' or t.relname like 'content\_%'
                    or t.relname in ('schema_migrations', 'weekly_matches', 'user_embeddings', 'insight_sources')
                )
        loop
            execute format('revoke all on sequence %s from %I', owned.sequence_name, role_name);
        end loop;
    end loop;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke select on batch_processing_queue from authenticated;
        grant select (
            id, user_id, job_type, status, priority, attempts, max_attempts, created_at, started_at, completed_at,
            scheduled_for, week
        ) on batch_processing_queue to authenticated;
    end if;
end
$$;
