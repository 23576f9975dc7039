-- What members share, the insights they are offered, the points they earn by reviewing them.

create table posts (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    caption text,
    media_urls text[] default '{}',
    categories text[] default '{}',
    depth_level integer default 1,
    likes_count integer default 0,
    comments_count integer default 0,
    views_count integer default 0,
    is_approved boolean default true,
    is_visible boolean default true,
    report_count integer default 0,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    deleted_at timestamptz,
    search_vector tsvector,
    check ((depth_level >= 1) and (depth_level <= 4))
);
create trigger posts_set_timestamp before update on posts
    for each row execute function trigger_set_timestamp();
create trigger posts_posts_search_vector before insert or update on posts
    for each row execute function posts_search_vector_trigger();
create trigger posts_invalidate_originality_cache_on_delete after update of deleted_at on posts
    for each row execute function invalidate_originality_cache_on_delete();

create table voice_introductions (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    url text not null,
    storage_path text not null,
    duration_seconds integer not null,
    file_type text not null,
    transcription text,
    personality_markers jsonb,
    processing_status text not null default 'processing',
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    transcription_confidence numeric(5,4),
    language text default 'en-US',
    processed_at timestamptz,
    check ((duration_seconds >= 5) and (duration_seconds <= 30)),
    check (file_type in ('audio/webm', 'audio/mp3', 'audio/mpeg', 'audio/wav')),
    check (processing_status in ('pending', 'processing', 'completed', 'failed'))
);
create unique index voice_introductions_active_key on voice_introductions (user_id) where (is_active = true);
create trigger voice_introductions_update_posts_updated_at before update on voice_introductions
    for each row execute function update_posts_updated_at();

create table user_insights (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    insight_category text not null,
    title text not null,
    description text not null,
    source_quote text,
    confidence_score integer not null default 0,
    status text not null default 'pending',
    contributes_to_dna boolean not null default false,
    dna_weight numeric(5,2) default 0,
    reviewed_at timestamptz,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null default (now() + interval '30 days'),
    updated_at timestamptz not null default now(),
    check ((confidence_score >= 0) and (confidence_score <= 100)),
    check ((dna_weight >= (0)) and (dna_weight <= (100))),
    check (insight_category in ('values', 'personality', 'lifestyle', 'interests', 'family')),
    check (status in ('pending', 'approved', 'rejected'))
);
create trigger user_insights_update_posts_updated_at before update on user_insights
    for each row execute function update_posts_updated_at();

create table gamification_progress (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    total_points integer not null default 0,
    insights_reviewed integer not null default 0,
    insights_approved integer not null default 0,
    insights_rejected integer not null default 0,
    streak_days integer not null default 0,
    last_review_date timestamptz,
    longest_streak integer not null default 0,
    badges jsonb not null default '[]',
    milestone_25 boolean not null default false,
    milestone_50 boolean not null default false,
    milestone_75 boolean not null default false,
    milestone_100 boolean not null default false,
    bonus_5_insights boolean not null default false,
    bonus_10_insights boolean not null default false,
    bonus_70_percent_profile boolean not null default false,
    bonus_3_day_streak boolean not null default false,
    bonus_7_day_streak boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (insights_approved >= 0),
    check (insights_rejected >= 0),
    check (insights_reviewed >= 0),
    check (longest_streak >= 0),
    check (streak_days >= 0),
    check (total_points >= 0),
    unique (clerk_user_id)
);
create trigger gamification_progress_update_posts_updated_at before update on gamification_progress
    for each row execute function update_posts_updated_at();

create trigger user_insights_award_points after update of status on user_insights
    for each row
    when (old.status = 'pending' and new.status in ('approved', 'rejected'))
    execute function award_insight_review_points();
