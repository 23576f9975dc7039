-- A member reads their own rows and writes none; tables without an owner are closed to members altogether.
-- The pipeline's role owns the tables or bypasses row-level security.
create or replace function matchme_member_id() returns text
language sql stable
as $$
    select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
$$;

do $$
declare
    table_name text;
    policy record;
    owner_columns constant jsonb := '{
        "batch_processing_queue": "user_id", "weekly_matches": "user_id", "content_items": "user_id",
        "insight_sources": "user_id", "user_embeddings": "user_id", "content_originality": "user_id",
        "dna_score_history": "user_id", "user_roles": "user_id",
        "batch_run_history": null, "llm_calls": null, "content_analyses": null, "content_embeddings": null,
        "trait_distribution": null, "schema_migrations": null
    }';
begin
    for table_name in select jsonb_object_keys(owner_columns) loop
        execute format('alter table %I enable row level security', table_name);
        -- Policies of earlier attempts let everyone in, or let members write. A policy for the service role alone
        -- grants nothing to members and may stay.
        for policy in
            select policyname from pg_policies
            where schemaname = current_schema() and tablename = table_name
                and roles <> array['service_role']::name[]
        loop
            execute format('drop policy %I on %I', policy.policyname, table_name);
        end loop;
        if owner_columns ->> table_name is not null then
            execute format(
                'create policy matchme_own_rows on %I for select using (%I = (select matchme_member_id()))',
                table_name, owner_columns ->> table_name
            );
        end if;
        if exists (select from pg_roles where rolname = 'anon') then
            execute format('revoke all on %I from anon', table_name);
        end if;
        if exists (select from pg_roles where rolname = 'authenticated') then
            execute format('revoke all on %I from authenticated', table_name);
            if owner_columns ->> table_name is not null then
                execute format('grant select on %I to authenticated', table_name);
            end if;
        end if;
    end loop;
end
$$;
