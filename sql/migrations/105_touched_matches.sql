-- A match row that its member has viewed or acted on, by any of the columns that say so: such a row is never removed
-- or reordered. `action` is 128's; the column here reads it.
alter table weekly_matches add column if not exists action text;
alter table weekly_matches add column if not exists is_member_touched boolean
    generated always as (viewed_at is not null or actioned_at is not null or action is not null) stored;

-- The week's pairs of which neither row is touched, once each, `a` before `b`: those that the pipeline still decides on.
create or replace function matchme_untouched_pairs(match_week date) returns table (a text, b text)
language sql stable parallel safe
as $$
    select least(user_id, match_user_id), greatest(user_id, match_user_id)
    from weekly_matches
    where week_start_date = match_week
    group by 1, 2
    having not bool_or(is_member_touched)
$$;

-- Functions of the public schema are callable over the app's HTTP interface unless they are taken from its roles.
do $$
declare
    role_name text;
begin
    revoke all on function matchme_untouched_pairs(date) from public;
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on function matchme_untouched_pairs(date) from %I', role_name);
        end if;
    end loop;
end
$$;
