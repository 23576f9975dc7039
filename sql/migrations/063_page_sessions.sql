-- Who is signed in on the operations page. The cookie's own words are nowhere but in the browser.
create table if not exists api_page_sessions (
    secret_hash text primary key,
    user_id text not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);
create index if not exists api_page_sessions_expires_idx on api_page_sessions (expires_at);

alter table api_page_sessions enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on api_page_sessions from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on api_page_sessions from authenticated;
    end if;
end
$$;
