-- What the scoring of matches learns: a version for each week's training, named by that week.
create table if not exists match_models (
    week date primary key,
    state text not null default 'shadow' check (state in ('shadow', 'active', 'retired', 'pinned')),
    -- Who set the state: the pipeline, or an operator by name.
    state_by text not null default 'pipeline',
    factors_version text not null,
    -- The match weeks whose outcomes it was trained on.
    first_match_week date not null,
    last_match_week date not null,
    shown_pairs integer not null,
    answers integer not null,
    mutual_pairs integer not null,
    coefficients jsonb not null,
    -- How it did on later weeks, as of the newest week that judged it, and why it was promoted or not.
    judged_week date,
    figures jsonb not null default '{}',
    reasons text[] not null default '{}'
);

-- Members' tendencies as of a week, in log-odds; a member who is not there has the population's prior.
create table if not exists match_tendencies (
    week date not null,
    user_id text not null,
    likes double precision not null,
    liked double precision not null,
    primary key (week, user_id)
);
create index if not exists match_tendencies_user on match_tendencies (user_id);

-- Which version scored a week; null is the untrained score.
create table if not exists match_week_models (
    week date primary key,
    version date,
    decision text not null check (decision in ('kept', 'promoted', 'rolled_back', 'recorded')),
    reasons text[] not null default '{}'
);

alter table match_models enable row level security;
alter table match_tendencies enable row level security;
alter table match_week_models enable row level security;
do $$
declare
    role_name text;
begin
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on match_models, match_tendencies, match_week_models from %I', role_name);
        end if;
    end loop;
end
$$;
