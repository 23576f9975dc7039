-- What the content stages know of posts and voice introductions, and the answers that models gave about them.
alter table posts add column if not exists content_hash text;
alter table posts add column if not exists processing_status varchar(20) default 'pending'
    check (processing_status in ('pending', 'processing', 'completed', 'failed', 'skipped'));
alter table posts add column if not exists processed_at timestamptz;
alter table posts add column if not exists analysis_result jsonb;
alter table posts add column if not exists embedding vector(1536);
alter table posts add column if not exists embedding_model text;

-- One row per content item: a post's caption or the transcription of a voice introduction.
create table if not exists content_items (
    item_type text not null check (item_type in ('post', 'voice_introduction')),
    item_id uuid not null,
    user_id text not null,
    week date not null,
    shared_at timestamptz not null,
    content_hash text,
    status text not null check (status in ('ready', 'skipped')),
    skip_reason text,
    -- The earliest item with the same hash; null for that item itself.
    duplicate_of uuid,
    characters integer not null default 0,
    primary key (item_type, item_id)
);
create index if not exists content_items_week_idx on content_items (week, user_id);
create index if not exists content_items_user_idx on content_items (user_id, shared_at);
create index if not exists content_items_hash_idx on content_items (content_hash);

-- The ledger: every model call that cost money or time, failed ones among them.
create table if not exists llm_calls (
    id uuid primary key default gen_random_uuid(),
    called_at timestamptz not null default now(),
    dagster_run_id text,
    week date,
    stage text not null,
    user_id text,
    provider text not null,
    model text not null,
    mode text not null default 'standard',
    request_id text,
    items integer not null default 0,
    attempt integer not null default 1,
    input_tokens bigint not null default 0,
    cached_input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cost_usd numeric(18, 10) not null default 0,
    latency_seconds double precision,
    outcome text not null,
    error text,
    price_version text
);
create index if not exists llm_calls_run_idx on llm_calls (dagster_run_id, stage);
create index if not exists llm_calls_week_idx on llm_calls (week, stage);
create index if not exists llm_calls_user_idx on llm_calls (user_id);

-- Answers by cache key: content hash + model and its parameters + version of prompt, schema and parser.
create table if not exists content_analyses (
    cache_key text primary key,
    stage text not null,
    content_hash text not null,
    model text not null,
    prompt_version text not null,
    answer jsonb not null,
    llm_call_id uuid references llm_calls (id) on delete set null,
    created_at timestamptz not null default now()
);
create index if not exists content_analyses_hash_idx on content_analyses (content_hash);

-- Vectors by content hash and model: the embeddings' share of the answers.
create table if not exists content_embeddings (
    content_hash text not null,
    model text not null,
    embedding vector(1536) not null,
    llm_call_id uuid references llm_calls (id) on delete set null,
    created_at timestamptz not null default now(),
    primary key (content_hash, model)
);

-- Which content item an insight came from; a duplicate item adds a row, not an insight.
create table if not exists insight_sources (
    insight_id uuid not null references user_insights (id) on delete cascade,
    item_type text not null check (item_type in ('post', 'voice_introduction')),
    item_id uuid not null,
    user_id text not null,
    week date not null,
    content_hash text not null,
    cache_key text not null,
    created_at timestamptz not null default now(),
    primary key (insight_id, item_type, item_id)
);
create index if not exists insight_sources_item_idx on insight_sources (item_type, item_id);
create index if not exists insight_sources_week_idx on insight_sources (week, user_id);
