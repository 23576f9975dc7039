-- Scores in the layout that the audit found: weighted points per strand, tiers written `Common … Legendary`.
create table mysoul_dna_scores (
    id uuid primary key default gen_random_uuid(),
    user_id text not null unique,
    score integer not null default 0 check (score between 0 and 100),
    rarity_tier text not null default 'Common'
        check (rarity_tier in ('Common', 'Uncommon', 'Rare', 'Epic', 'Legendary')),
    trait_uniqueness_score integer not null default 0 check (trait_uniqueness_score between 0 and 35),
    profile_completeness_score integer not null default 0 check (profile_completeness_score between 0 and 25),
    behavior_score integer not null default 0 check (behavior_score between 0 and 20),
    content_score integer not null default 0 check (content_score between 0 and 15),
    cultural_score integer not null default 0 check (cultural_score between 0 and 5),
    approved_insights_count integer not null default 0,
    days_active integer not null default 0,
    previous_tier text,
    tier_changed_at timestamptz,
    last_calculated_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create trigger mysoul_dna_scores_update_posts_updated_at before update on mysoul_dna_scores
    for each row execute function update_posts_updated_at();

-- History holds the later layout's raw strands and upper-case tiers even where the scores are the audit's.
create table mysoul_score_history (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    score integer not null,
    rarity_tier text not null,
    percentile_rank numeric(5,2),
    component_breakdown jsonb default '{}',
    trait_rarity_raw_score integer,
    profile_depth_raw_score integer,
    behavioral_raw_score integer,
    content_raw_score integer,
    cultural_raw_score integer,
    calculated_at timestamptz not null default now(),
    algorithm_version text default 'v1.0',
    created_at timestamptz default now(),
    check ((behavioral_raw_score >= 0) and (behavioral_raw_score <= 100)),
    check ((content_raw_score >= 0) and (content_raw_score <= 100)),
    check ((cultural_raw_score >= 0) and (cultural_raw_score <= 100)),
    check ((percentile_rank >= (0)) and (percentile_rank <= (100))),
    check ((profile_depth_raw_score >= 0) and (profile_depth_raw_score <= 100)),
    check (rarity_tier in ('COMMON', 'UNCOMMON', 'RARE', 'EPIC', 'LEGENDARY')),
    check ((score >= 0) and (score <= 100)),
    check ((trait_rarity_raw_score >= 0) and (trait_rarity_raw_score <= 100))
);

create table trait_distribution_stats (
    trait_key text primary key,
    trait_category text not null
        check (trait_category in ('religious', 'career', 'personality', 'lifestyle', 'family', 'content')),
    trait_display_name text,
    user_count integer not null default 0 check (user_count >= 0),
    total_users integer not null default 1 check (total_users >= 1),
    frequency numeric(6, 5) generated always as (
        case when total_users > 0 then user_count::numeric / total_users::numeric else 0 end
    ) stored,
    idf_score numeric(6, 3) generated always as (
        case when user_count > 0 then ln(total_users::numeric / user_count::numeric) else 0 end
    ) stored,
    last_updated timestamptz default now(),
    created_at timestamptz default now()
);

create table mysoul_achievements (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    achievement_type text not null check (achievement_type in (
        'rare_trait_discovered', 'tier_upgrade', 'score_milestone', 'percentile_milestone', 'component_mastery',
        'streak_achievement'
    )),
    achievement_data jsonb default '{}',
    earned_at timestamptz not null default now(),
    viewed boolean default false,
    notification_sent boolean default false,
    created_at timestamptz default now()
);

create table content_similarity_cache (
    id uuid primary key default gen_random_uuid(),
    user_id text not null unique,
    avg_similarity_to_population numeric(5, 4) check (avg_similarity_to_population between 0 and 1),
    min_similarity numeric(5, 4) check (min_similarity between 0 and 1),
    max_similarity numeric(5, 4) check (max_similarity between 0 and 1),
    content_count integer not null default 0,
    originality_score integer check (originality_score between 0 and 100),
    calculated_at timestamptz not null default now(),
    valid_until timestamptz not null default (now() + interval '7 days'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
