-- "Once a day" of members' requests for a new score, for the app's own insert (the policy of 127) and for the API.

-- When the member last asked for a recalculation of their score, null where they have not within 24 hours. The lock is
-- held until the transaction ends, so that two requests at once are one; each statement here sees what the lock waited for.
create or replace function matchme_dna_asked_at(member text) returns timestamptz
language sql volatile set search_path = public, pg_temp
as $$
    select pg_advisory_xact_lock(hashtext('dna-calculate'), hashtext(member));
    select max(q.created_at)
    from batch_processing_queue q
    where q.user_id = member and q.job_type = 'dna_recalculation' and q.created_at > now() - interval '24 hours'
        and q.payload ->> 'asked_by' = 'member';
$$;

create or replace function matchme_may_ask_for_dna(member text) returns boolean
language sql volatile security definer set search_path = public, pg_temp
as $$
    -- Of oneself alone: whether somebody else has asked is nobody's business.
    select case when member = matchme_member_id() then matchme_dna_asked_at(member) is null else false end
$$;

-- Functions of the public schema are callable over the app's HTTP interface unless they are taken from its roles.
do $$
declare
    role_name text;
begin
    revoke all on function matchme_dna_asked_at(text) from public;
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on function matchme_dna_asked_at(text) from %I', role_name);
        end if;
    end loop;
end
$$;
