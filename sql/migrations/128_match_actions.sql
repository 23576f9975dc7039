-- What the member did with a match: `liked` or `passed`. `actioned_at` alone says that they did something.
alter table weekly_matches add column if not exists action text;
do $$
begin
    if not exists (
        select from pg_constraint
        where conrelid = 'weekly_matches'::regclass and conname = 'weekly_matches_action_check'
    ) then
        alter table weekly_matches
            add constraint weekly_matches_action_check check (action in ('liked', 'passed')) not valid;
    end if;
end
$$;
