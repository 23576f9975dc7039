-- When a week's spending first passed a threshold of its budget. The app's cost_alerts says which thresholds there are
-- and whom to tell, but it remembers only when an alert was last triggered, not for which week.
create table if not exists llm_budget_crossings (
    week date not null,
    threshold_percent integer not null check (threshold_percent between 0 and 100),
    budget_usd numeric(18, 10) not null,
    spent_usd numeric(18, 10) not null,
    crossed_at timestamptz not null default clock_timestamp(),
    -- When somebody was told; null: nobody yet.
    told_at timestamptz,
    primary key (week, threshold_percent)
);
create index if not exists llm_budget_crossings_untold_idx on llm_budget_crossings (crossed_at) where told_at is null;
alter table llm_budget_crossings enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on llm_budget_crossings from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on llm_budget_crossings from authenticated;
    end if;
end
$$;
