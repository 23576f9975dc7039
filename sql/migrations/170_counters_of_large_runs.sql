-- A run's counters leave the range of integer at about two million members a week (3,000,000,000 tokens). Columns that
-- are bigint already are left alone, so that a second run rewrites nothing.
do $$
declare
    counter text;
begin
    for counter in
        select column_name
        from information_schema.columns
        where table_schema = 'public' and table_name = 'batch_run_history' and data_type = 'integer'
            and column_name in (
                'total_jobs', 'completed_jobs', 'failed_jobs', 'tokens_used', 'api_cost_cents', 'duration_seconds'
            )
    loop
        execute format('alter table public.batch_run_history alter column %I type bigint', counter);
    end loop;
end
$$;
