-- Row-level security as on Supabase. Members read their own rows, by the Clerk id in their token; the app writes through its service role.
do $$
declare
    owned record;
begin
    for owned in
        select table_name, column_name
        from information_schema.columns
        where table_schema = current_schema()
            and column_name in ('clerk_user_id', 'user_id')
            and table_name in (
                'profiles', 'islamic_preferences', 'match_preferences', 'dna_answers', 'personality_assessments',
                'cultural_profiles', 'cultural_backgrounds', 'user_city_assignments', 'posts', 'voice_introductions',
                'user_insights', 'gamification_progress', 'mysoul_dna_scores', 'mysoul_achievements',
                'content_similarity_cache', 'mmagent_conversation_memory', 'mmagent_token_usage'
            )
    loop
        execute format('alter table %I enable row level security', owned.table_name);
        execute format(
            'create policy own_rows on %I for select using '
            '(%I = nullif(current_setting(''request.jwt.claims'', true), '''')::jsonb ->> ''sub'')',
            owned.table_name, owned.column_name
        );
        if exists (select from pg_roles where rolname = 'authenticated') then
            execute format('grant select on %I to authenticated', owned.table_name);
        end if;
    end loop;
end
$$;

-- Conversations and their messages belong to two members.
alter table conversations enable row level security;
create policy own_conversations on conversations for select using (
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' in (user1_clerk_id, user2_clerk_id)
);
alter table messages enable row level security;
create policy own_messages on messages for select using (
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' in (sender_clerk_id, recipient_clerk_id)
);

-- What every member may read.
alter table dna_questionnaires enable row level security;
create policy everyone_reads on dna_questionnaires for select using (true);
alter table city_clusters enable row level security;
create policy everyone_reads on city_clusters for select using (true);

-- What no member may read.
alter table mysoul_score_history enable row level security;
alter table trait_distribution_stats enable row level security;
alter table governance_rules enable row level security;
alter table cost_alerts enable row level security;

do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated') then
        grant select on conversations, messages, dna_questionnaires, city_clusters to authenticated;
    end if;
    if exists (select from pg_roles where rolname = 'service_role') then
        execute format('grant usage on schema %I to service_role', current_schema());
        execute format('grant all on all tables in schema %I to service_role', current_schema());
    end if;
end
$$;
