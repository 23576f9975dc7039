-- The pipeline alone writes scores. The app's browser code writes an idea of its own under the member's token: policies
-- that let members insert, update or delete go, as they did on the pipeline's own tables, and so do the grants; the
-- refusal is PostgreSQL's ordinary one (42501). Reading stays as the app has it.
do $$
declare
    policy record;
    role_name text;
begin
    for policy in
        select policyname, cmd from pg_policies
        where schemaname = current_schema() and tablename = 'mysoul_dna_scores' and cmd <> 'SELECT'
            and roles <> array['service_role']::name[]
    loop
        execute format('drop policy %I on mysoul_dna_scores', policy.policyname);
        -- A policy for all commands let members read their own row, too.
        if policy.cmd = 'ALL' then
            drop policy if exists matchme_own_rows on mysoul_dna_scores;
            create policy matchme_own_rows on mysoul_dna_scores for select
                using (user_id = (select matchme_member_id()));
        end if;
    end loop;
    alter table mysoul_dna_scores enable row level security;
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke insert, update, delete, truncate on mysoul_dna_scores from %I', role_name);
        end if;
    end loop;
end
$$;

-- What the pipeline showed last, so that a score that somebody else has overwritten since is seen, restored and counted.
create table if not exists dna_shown_scores (
    user_id text primary key,
    score integer not null,
    tier text not null,
    calculated_at timestamptz not null
);
alter table dna_shown_scores enable row level security;
do $$
declare
    role_name text;
begin
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on dna_shown_scores from %I', role_name);
        end if;
    end loop;
end
$$;
