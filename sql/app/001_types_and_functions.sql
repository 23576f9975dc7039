-- A stand-in for what the app's database brings along: roles, types, and the functions behind its triggers.
create extension if not exists vector;

-- Roles belong to the server, not to the database: they may be there already, another database may be creating them
-- at this moment, or this role may not be allowed to.
do $$
declare
    wanted record;
begin
    for wanted in
        select * from (values ('anon', ''), ('authenticated', ''), ('service_role', 'bypassrls')) as r (name, attributes)
    loop
        if exists (select from pg_roles where rolname = wanted.name) then
            continue;
        end if;
        begin
            execute format('create role %I nologin %s', wanted.name, wanted.attributes);
        exception
            when insufficient_privilege then raise notice 'role % was not created: no privilege', wanted.name;
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$;

create type city_key_type as enum ('london', 'birmingham', 'manchester', 'dubai', 'toronto', 'new_york');
create type assignment_method_type as enum ('auto', 'manual', 'ip');

create function trigger_set_timestamp() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create function update_posts_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create function update_match_preferences_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create function trigger_set_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create function profiles_search_vector_trigger() returns trigger language plpgsql as $$
begin
    new.search_vector := to_tsvector('simple',
        coalesce(new.first_name, '') || ' ' || coalesce(new.bio, '') || ' ' || coalesce(new.occupation, ''));
    return new;
end
$$;

create function posts_search_vector_trigger() returns trigger language plpgsql as $$
begin
    new.search_vector := to_tsvector('simple', coalesce(new.caption, ''));
    return new;
end
$$;

create function invalidate_originality_cache_on_delete() returns trigger language plpgsql as $$
begin
    if new.deleted_at is not null and old.deleted_at is null then
        update content_similarity_cache set valid_until = now() where user_id = new.clerk_user_id;
    end if;
    return new;
end
$$;

create function update_conversation_last_message() returns trigger language plpgsql as $$
begin
    update conversations
    set last_message_id = new.id, last_message_type = new.message_type, last_message_sent_at = new.sent_at,
        last_message_sender_clerk_id = new.sender_clerk_id, last_message_preview = left(new.content, 100)
    where id = new.conversation_id;
    return new;
end
$$;

-- Ten points for a review, five more for an approval; a day's gap ends the streak.
create function award_insight_review_points() returns trigger language plpgsql as $$
declare
    approved constant integer := (new.status = 'approved')::integer;
    reviewed_on constant timestamptz := coalesce(new.reviewed_at, now());
begin
    insert into gamification_progress as g (
        clerk_user_id, total_points, insights_reviewed, insights_approved, insights_rejected,
        streak_days, longest_streak, last_review_date
    )
    values (new.clerk_user_id, 10 + 5 * approved, 1, approved, 1 - approved, 1, 1, reviewed_on)
    on conflict (clerk_user_id) do update
    set total_points = g.total_points + excluded.total_points,
        insights_reviewed = g.insights_reviewed + 1,
        insights_approved = g.insights_approved + excluded.insights_approved,
        insights_rejected = g.insights_rejected + excluded.insights_rejected,
        streak_days = case
            when reviewed_on::date - g.last_review_date::date = 1 then g.streak_days + 1
            when reviewed_on::date = g.last_review_date::date then g.streak_days
            else 1
        end,
        longest_streak = greatest(g.longest_streak, case
            when reviewed_on::date - g.last_review_date::date = 1 then g.streak_days + 1 else 1 end),
        last_review_date = greatest(g.last_review_date, reviewed_on);
    return new;
end
$$;
