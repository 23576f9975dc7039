-- One member's candidates between Sundays: what a spelling comes down to, and the scale on which a week was scored.

-- A spelling's letters a to z alone, in lower case: vocabulary.plain in SQL, the same under every collation.
create or replace function matchme_plain(value text) returns text
language sql immutable strict parallel safe
as $$
    select lower(regexp_replace(value collate "C", '[^A-Za-z]', '', 'g'))
$$;

-- What a week's vectors were centred on, and what its similarities were measured against. With it a score that is
-- computed later is the score that the week would have given.
create table if not exists matching_scales (
    week date not null,
    model text not null,
    centre double precision[] not null,
    similarity_mean double precision not null,
    similarity_deviation double precision not null,
    primary key (week, model)
);
alter table matching_scales enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on matching_scales from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on matching_scales from authenticated;
    end if;
end
$$;
