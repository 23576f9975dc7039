-- A spelling's letters a to z alone, in lower case, without accents and width: profile_vocabulary.plain in SQL, the
-- same under every collation.
create or replace function matchme_plain(value text) returns text
language sql immutable strict parallel safe
as $$
    select lower(regexp_replace(normalize(value, nfkd) collate "C", '[^A-Za-z]', '', 'g'))
$$;
