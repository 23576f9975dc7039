-- What running processes have set aside of a week's budget for requests on their way: with the ledger's sum it never
-- passes the budget, whoever else spends at the same time.
create table if not exists llm_budget_holdings (
    holder uuid primary key,
    week date,
    usd numeric(18, 10) not null check (usd >= 0),
    -- After this the holder counts as dead.
    held_until timestamptz not null
);
alter table llm_budget_holdings enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on llm_budget_holdings from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on llm_budget_holdings from authenticated;
    end if;
end
$$;
