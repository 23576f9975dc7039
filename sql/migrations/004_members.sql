-- What the later stages know of members, per week.
create table if not exists user_embeddings (
    user_id text not null,
    week date not null,
    model text not null,
    embedding vector(1536) not null,
    items integer not null default 0,
    sources jsonb not null default '{}'::jsonb,
    -- Hash of everything that went in: an unchanged member is recognised without recomputing.
    input_hash text not null,
    computed_at timestamptz not null default now(),
    primary key (user_id, week, model)
);
create index if not exists user_embeddings_week_idx on user_embeddings (week, model);

create table if not exists trait_distribution (
    week date not null,
    trait_key text not null,
    trait_category text not null,
    trait_display_name text not null,
    user_count integer not null check (user_count >= 0),
    total_users integer not null check (total_users >= 1),
    frequency numeric(9, 8) not null,
    idf numeric(12, 8) not null,
    primary key (week, trait_key)
);

create table if not exists content_originality (
    user_id text not null,
    week date not null,
    model text not null,
    score numeric(9, 6) not null check (score between 0 and 100),
    percentile numeric(9, 6) check (percentile between 0 and 100),
    mean_similarity numeric(9, 8),
    own_items integer not null,
    other_items integer not null,
    primary key (user_id, week)
);
create index if not exists content_originality_week_idx on content_originality (week);

create table if not exists dna_score_history (
    user_id text not null,
    week date not null,
    score integer not null check (score between 0 and 100),
    tier text not null check (tier in ('Common', 'Uncommon', 'Rare', 'Epic', 'Legendary')),
    seed_state boolean not null,
    trait_rarity numeric(9, 6) not null check (trait_rarity between 0 and 100),
    profile_depth numeric(9, 6) not null check (profile_depth between 0 and 100),
    behavioural numeric(9, 6) not null check (behavioural between 0 and 100),
    content_originality numeric(9, 6) not null check (content_originality between 0 and 100),
    cultural_variance numeric(9, 6) not null check (cultural_variance between 0 and 100),
    percentile_rank numeric(5, 2) check (percentile_rank between 0 and 100),
    approved_insights integer not null default 0,
    days_active integer not null default 0,
    previous_score integer,
    previous_tier text,
    change integer,
    tier_changed boolean not null default false,
    tier_changed_on date,
    component_breakdown jsonb not null default '{}'::jsonb,
    rare_traits jsonb not null default '[]'::jsonb,
    unique_behaviours jsonb not null default '[]'::jsonb,
    algorithm_version text not null,
    computed_at timestamptz not null default now(),
    primary key (user_id, week)
);
create index if not exists dna_score_history_week_idx on dna_score_history (week);

create table if not exists weekly_matches (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    match_user_id text not null,
    score numeric(5, 2) not null check (score between 0 and 100),
    rank integer not null check (rank between 1 and 5),
    week_start_date date not null,
    compatibility_factors jsonb default '{}'::jsonb,
    chaichat_preview jsonb,
    batch_run_id uuid references batch_run_history (id) on delete set null,
    created_at timestamptz not null default now(),
    viewed_at timestamptz,
    actioned_at timestamptz
);
create unique index if not exists weekly_matches_pair_key on weekly_matches (user_id, match_user_id, week_start_date);
create index if not exists weekly_matches_week_idx on weekly_matches (week_start_date, user_id, rank);
alter table weekly_matches add column if not exists embedding_model text;

create table if not exists user_roles (
    user_id text not null,
    role text not null check (role in ('admin', 'operator', 'member')),
    granted_by text,
    granted_at timestamptz not null default now(),
    primary key (user_id, role)
);
