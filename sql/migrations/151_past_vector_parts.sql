-- Texts that went into members' vectors of weeks whose vectors retention has removed, where no kept week names them:
-- who asks to be forgotten takes the vectors of these texts along (a biography that has been rewritten since).
create table if not exists past_vector_parts (
    user_id text not null,
    content_hash text not null,
    primary key (user_id, content_hash)
);
alter table past_vector_parts enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on past_vector_parts from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on past_vector_parts from authenticated;
    end if;
end
$$;
