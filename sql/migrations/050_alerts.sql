-- What somebody should know of: once per cause, in this table whatever becomes of the message.
create table if not exists pipeline_alerts (
    id uuid primary key default gen_random_uuid(),
    kind text not null
        check (kind in ('run_failed', 'failure_rate', 'budget_threshold', 'week_late', 'week_given_up')),
    cause text not null,
    title text not null,
    body text not null,
    week date,
    dagster_run_id text,
    -- The app's cost alert to whose own webhook this one goes; null: the pipeline's webhook.
    cost_alert text,
    raised_at timestamptz not null default clock_timestamp(),
    told_at timestamptz,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    last_error text,
    unique (kind, cause)
);
create index if not exists pipeline_alerts_raised_idx on pipeline_alerts (raised_at desc);
create index if not exists pipeline_alerts_untold_idx on pipeline_alerts (next_attempt_at) where told_at is null;
alter table pipeline_alerts enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on pipeline_alerts from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on pipeline_alerts from authenticated;
    end if;
end
$$;
