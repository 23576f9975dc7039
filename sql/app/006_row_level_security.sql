-- Members read their own rows, by the Clerk id in their token; the app writes through its service role.
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
