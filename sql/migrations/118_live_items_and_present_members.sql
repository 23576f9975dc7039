-- What "a live content item" and "a present member" mean: the one definition that every stage and check reads.

-- A post that is neither deleted, hidden nor refused, or an active voice introduction with its transcription. Whether
-- its member is still there is another question: join `matchme_present_members`.
create or replace view matchme_live_items with (security_invoker = true) as
select 'post'::text as item_type, p.id as item_id, p.clerk_user_id as user_id, p.created_at as shared_at,
    p.caption as content, p.categories, p.depth_level
from posts p
where p.deleted_at is null and coalesce(p.is_visible, true) and coalesce(p.is_approved, true)
union all
select 'voice_introduction', v.id, v.user_id, v.created_at, v.transcription, '{}'::text[], 1
from voice_introductions v
where v.is_active and v.processing_status = 'completed' and v.transcription is not null;

-- A member who has not deleted themselves. They are members as of a cutoff where `joined_at < cutoff`; a profile without
-- a date of joining counts as having joined before every cutoff. DNA scores leave out who `is_hidden`.
create or replace view matchme_present_members with (security_invoker = true) as
select clerk_user_id as user_id, coalesce(created_at, '-infinity') as joined_at,
    coalesce(profile_visibility, 'members') = 'hidden' as is_hidden, bio
from profiles
where deleted_at is null;

-- Views of the public schema are readable over the app's HTTP interface unless they are taken from its roles.
do $$
declare
    role_name text;
begin
    revoke all on matchme_live_items, matchme_present_members from public;
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on matchme_live_items, matchme_present_members from %I', role_name);
        end if;
    end loop;
end
$$;
