-- What administrators asked of the API, and what became of it.
create table if not exists api_audit (
    id bigint generated always as identity primary key,
    asked_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    user_id text not null,
    action text not null,
    subject text not null,
    outcome text not null,
    request_id text not null
);
create index if not exists api_audit_asked_idx on api_audit (asked_at desc);
create index if not exists api_audit_user_idx on api_audit (user_id, asked_at desc);

-- Runs that were asked for over the API, from the request until Dagster knows them.
create table if not exists api_triggers (
    dagster_run_id text primary key,
    run_type text not null check (run_type in ('weekly_full', 'daily_incremental')),
    week date not null,
    requested_by text not null,
    requested_at timestamptz not null default clock_timestamp(),
    state text not null default 'launching' check (state in ('launching', 'launched', 'failed')),
    error text
);
create index if not exists api_triggers_week_idx on api_triggers (run_type, week, requested_at desc);

-- Status, history and cost are asked for all day, beside a queue of millions.
create index if not exists batch_run_history_started_idx on batch_run_history (started_at desc, id desc);
create index if not exists batch_processing_queue_status_idx on batch_processing_queue (job_type, status);
create index if not exists batch_processing_queue_user_page_idx
    on batch_processing_queue (user_id, created_at desc, id desc);
create index if not exists llm_calls_day_idx on llm_calls (called_at);

do $$
declare
    table_name text;
begin
    foreach table_name in array array['api_audit', 'api_triggers'] loop
        execute format('alter table %I enable row level security', table_name);
        if exists (select from pg_roles where rolname = 'anon') then
            execute format('revoke all on %I from anon', table_name);
        end if;
        if exists (select from pg_roles where rolname = 'authenticated') then
            execute format('revoke all on %I from authenticated', table_name);
        end if;
    end loop;
end
$$;
