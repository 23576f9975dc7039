-- What a week's matching came to: why members had nobody, and what was unusual. The command, the API and the alerts read it.
create table if not exists matching_reports (
    week date primary key,
    matchable integer not null,
    with_possibilities integer not null,
    covered integer not null,
    eligible_pairs bigint not null,
    not_matchable jsonb not null default '{}',
    removed_by_filter jsonb not null default '{}',
    unknown_shares jsonb not null default '{}',
    findings jsonb not null default '[]',
    written_at timestamptz not null default now()
);
alter table matching_reports enable row level security;
do $$
declare
    role_name text;
begin
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on matching_reports from %I', role_name);
        end if;
    end loop;
end
$$;
