-- The queue's rules, for every statement that reads or changes it. Statuses: docs/operations.md.

-- Is a job open to whoever works on its kind: waiting, past its backoff, or left behind by a worker whose lease ended?
create or replace function matchme_job_is_due(
    status text, scheduled_for timestamptz, lease_expires_at timestamptz
) returns boolean
language sql stable parallel safe
as $$
    select status = 'pending'
        or (status = 'retry' and scheduled_for <= now())
        or (status = 'processing' and lease_expires_at < now())
$$;

-- May the run `own_run` take the job? A run that a person or the schedule asked for takes up earlier runs' retries
-- whatever their backoff; what failed in the run itself (`last_run`) waits. Without `own_run` every retry waits.
create or replace function matchme_job_is_claimable(
    status text, scheduled_for timestamptz, lease_expires_at timestamptz, last_run text, own_run text
) returns boolean
language sql stable parallel safe
as $$
    select matchme_job_is_due(status, scheduled_for, lease_expires_at)
        or (status = 'retry' and own_run is not null and last_run is distinct from own_run)
$$;

-- How long a job waits after its `attempts`-th failure: 2^attempts x 5 minutes, moved by up to a tenth either way so that
-- jobs that failed together do not come back together. `jitter` lies between 0 and 1.
create or replace function matchme_backoff(attempts integer, jitter double precision default random()) returns interval
language sql volatile parallel safe
as $$
    select make_interval(secs => 300 * 2 ^ attempts * (0.9 + 0.2 * jitter))
$$;

-- Functions of the public schema are callable over the app's HTTP interface unless they are taken from its roles.
do $$
declare
    role_name text;
    name text;
begin
    foreach name in array array[
        'matchme_job_is_due(text, timestamptz, timestamptz)',
        'matchme_job_is_claimable(text, timestamptz, timestamptz, text, text)',
        'matchme_backoff(integer, double precision)'
    ] loop
        execute format('revoke all on function %s from public', name);
        foreach role_name in array array['anon', 'authenticated'] loop
            if exists (select from pg_roles where rolname = role_name) then
                execute format('revoke all on function %s from %I', name, role_name);
            end if;
        end loop;
    end loop;
end
$$;
