-- Requests to models that left within the last minute, so that all processes together stay within the configured
-- requests and tokens a minute. Unlogged: after a crash of the database the minute begins anew.
create unlogged table if not exists llm_departures (
    id bigint generated always as identity primary key,
    left_at timestamptz not null default clock_timestamp(),
    tokens bigint not null
);
create index if not exists llm_departures_left_at_idx on llm_departures (left_at);
alter table llm_departures enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on llm_departures from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on llm_departures from authenticated;
    end if;
end
$$;
