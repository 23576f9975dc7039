-- What processes are asking a model at this moment: a text that two members share is asked about by one worker, and the
-- others wait for its answer. A row goes once the answer is kept; one whose holder died ends after a few seconds.
create table if not exists llm_underway (
    key text primary key,
    holder uuid not null,
    held_until timestamptz not null
);
alter table llm_underway enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on llm_underway from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on llm_underway from authenticated;
    end if;
end
$$;
