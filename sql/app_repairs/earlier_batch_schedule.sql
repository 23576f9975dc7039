-- pg_cron still starts the earlier batch on Sundays at 02:00; it writes random one-sided matches into the same week.
do $$
declare
    job record;
begin
    if to_regclass('cron.job') is null then
        return;
    end if;
    for job in execute 'select jobid from cron.job where command ~* ''weekly[-_]batch'' or jobname ~* ''weekly[-_]batch''' loop
        execute format('select cron.unschedule(%s)', job.jobid);
    end loop;
end
$$;
