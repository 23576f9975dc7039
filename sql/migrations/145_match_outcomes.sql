-- What members did with the pairs that they were shown: one row a week (the cutoff), match week, member and partner.
create table if not exists match_outcomes (
    week date not null,
    match_week date not null,
    user_id text not null,
    match_user_id text not null,
    rank integer not null,
    score numeric(5, 2) not null,
    -- The factors' values in the order of the algorithm's version that stands beside them.
    factors_version text,
    factors real[] not null default '{}',
    viewed boolean not null,
    engaged boolean not null,
    liked boolean not null,
    passed boolean not null,
    began boolean not null,
    partner_began boolean not null,
    replied boolean not null,
    messages_sent integer not null,
    messages_received integer not null,
    -- Null until 14 days have gone by since the first message.
    talking_after_14_days boolean,
    reported boolean not null,
    primary key (week, match_week, user_id, match_user_id)
);
create index if not exists match_outcomes_user on match_outcomes (user_id);
create index if not exists match_outcomes_match_user on match_outcomes (match_user_id);

-- Reports and blocks between members: the app has no table that names both sides and the time. It may write here.
create table if not exists member_reports (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    reported_user_id text not null,
    kind text not null check (kind in ('reported', 'blocked')),
    created_at timestamptz not null default now()
);
create index if not exists member_reports_pair on member_reports (user_id, reported_user_id);
create index if not exists member_reports_reported on member_reports (reported_user_id);

alter table match_outcomes enable row level security;
alter table member_reports enable row level security;
do $$
declare
    role_name text;
begin
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on match_outcomes, member_reports from %I', role_name);
        end if;
    end loop;
end
$$;
