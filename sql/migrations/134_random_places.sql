-- Pairs of a match week whose place was drawn at random, with the probability that they had of being drawn; one row
-- a pair. In a table of its own: members read their rows of weekly_matches.
create table if not exists match_random_places (
    match_week date not null,
    user_id text not null,
    match_user_id text not null,
    chosen_probability double precision not null check (chosen_probability > 0 and chosen_probability <= 1),
    primary key (match_week, user_id, match_user_id)
);
create index if not exists match_random_places_user on match_random_places (user_id);
create index if not exists match_random_places_match_user on match_random_places (match_user_id);

alter table match_random_places enable row level security;
do $$
declare
    role_name text;
begin
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on match_random_places from %I', role_name);
        end if;
    end loop;
end
$$;
