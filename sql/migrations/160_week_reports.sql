-- One report per week, as data: the run's last asset writes it, the command, Dagster and the operations page show it.
create table if not exists week_reports (
    week date primary key,
    report jsonb not null,
    written_at timestamptz not null default clock_timestamp()
);
alter table week_reports enable row level security;

-- Kinds of alerts grow with the code, which names them (`AlertKind`). The list here refused the newer ones.
alter table pipeline_alerts drop constraint if exists pipeline_alerts_kind_check;
-- Who has said that they are on it, and when what was wrong was seen to be over.
alter table pipeline_alerts add column if not exists acknowledged_at timestamptz;
alter table pipeline_alerts add column if not exists acknowledged_by text;
alter table pipeline_alerts add column if not exists resolved_at timestamptz;

do $$
declare
    role_name text;
begin
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on week_reports from %I', role_name);
        end if;
    end loop;
end
$$;
