-- pg_cron still starts the earlier batch, usually on Sundays at 02:00; it writes random one-sided matches into the same week.
-- This repair removes every schedule that names a batch or weekly_matches; `matchme doctor` lists them. Check them first:
-- select jobid, jobname, schedule, command from cron.job;
do $$
declare
    job record;
begin
    if to_regclass('cron.job') is null then
        return;
    end if;
    for job in execute
        'select j.jobid from cron.job j
        where j.command ~* ''batch|weekly_matches'' or coalesce(to_jsonb(j) ->> ''jobname'', '''') ~* ''batch'''
    loop
        execute format('select cron.unschedule(%s)', job.jobid);
    end loop;
end
$$;
