-- The app's dna-calculate inserts a queue row as the member. That one kind of job, for oneself, once a day, is allowed;
-- everything else in the queue stays closed to members.
create or replace function matchme_may_ask_for_dna(member text) returns boolean
language sql stable security definer set search_path = public, pg_temp
as $$
    -- Of oneself alone: whether somebody else has asked is nobody's business.
    select member = matchme_member_id() and not exists (
        select from batch_processing_queue q
        where q.user_id = member and q.job_type = 'dna_recalculation' and q.created_at > now() - interval '24 hours'
            and q.payload ->> 'asked_by' is not distinct from 'member'
    )
$$;
revoke all on function matchme_may_ask_for_dna(text) from public;
do $$
begin
    drop policy if exists matchme_member_asks_for_dna on batch_processing_queue;
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on function matchme_may_ask_for_dna(text) from anon;
    end if;
    if not exists (select from pg_roles where rolname = 'authenticated') then
        return;
    end if;
    grant execute on function matchme_may_ask_for_dna(text) to authenticated;
    grant insert (id, user_id, job_type, payload, status, priority, scheduled_for, created_at)
        on batch_processing_queue to authenticated;
    create policy matchme_member_asks_for_dna on batch_processing_queue for insert to authenticated
        with check (
            user_id = (select matchme_member_id()) and job_type = 'dna_recalculation' and status = 'pending'
            and priority between 1 and 10 and week is null and pg_column_size(payload) < 2000
            and created_at between now() - interval '1 minute' and now() + interval '1 minute'
            and scheduled_for < now() + interval '1 day'
            and matchme_may_ask_for_dna(user_id)
        );
end
$$;

-- Whoever inserts as a member is marked, so that the limit counts what members asked for and not the pipeline's own jobs.
create or replace function matchme_mark_members_job() returns trigger
language plpgsql
as $$
begin
    if current_user = 'authenticated' then
        new.payload := jsonb_build_object('asked_by', 'member')
            || case when jsonb_typeof(new.payload) = 'object' then new.payload - 'asked_by' else '{}'::jsonb end;
    end if;
    return new;
end
$$;
drop trigger if exists matchme_mark_members_job on batch_processing_queue;
create trigger matchme_mark_members_job before insert on batch_processing_queue
    for each row execute function matchme_mark_members_job();
