-- What an earlier attempt at the batch left in the app's database: its tables, and policies that let everyone in.
create table batch_run_history (
    id uuid primary key default gen_random_uuid(),
    run_type varchar(30) not null check (run_type in ('weekly_full', 'daily_incremental', 'manual')),
    started_at timestamptz not null default now(),
    completed_at timestamptz,
    total_jobs integer not null default 0,
    completed_jobs integer not null default 0,
    failed_jobs integer not null default 0,
    tokens_used integer not null default 0,
    api_cost_cents integer not null default 0,
    duration_seconds integer,
    status varchar(20) not null default 'running' check (status in ('running', 'completed', 'failed', 'cancelled')),
    error_log jsonb not null default '[]',
    metadata jsonb default '{}'
);

create table batch_processing_queue (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    job_type varchar(30) not null
        check (job_type in ('content_analysis', 'dna_recalculation', 'match_generation', 'embedding_update')),
    payload jsonb not null default '{}',
    status varchar(20) not null default 'pending'
        check (status in ('pending', 'processing', 'completed', 'failed', 'retry')),
    priority integer not null default 5 check (priority between 1 and 10),
    attempts integer not null default 0,
    max_attempts integer not null default 3,
    last_error text,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    completed_at timestamptz,
    scheduled_for timestamptz not null default now()
);

create table weekly_matches (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    match_user_id text not null,
    score numeric(5, 2) not null check (score between 0 and 100),
    rank integer not null check (rank between 1 and 5),
    week_start_date date not null,
    compatibility_factors jsonb default '{}',
    chaichat_preview jsonb,
    batch_run_id uuid references batch_run_history (id) on delete set null,
    created_at timestamptz not null default now(),
    viewed_at timestamptz,
    actioned_at timestamptz
);
create unique index weekly_matches_once on weekly_matches (user_id, match_user_id, week_start_date);

alter table posts add column content_hash text;
alter table posts add column processing_status varchar(20) default 'pending'
    check (processing_status in ('pending', 'processing', 'completed', 'failed', 'skipped'));
alter table posts add column processed_at timestamptz;
alter table posts add column analysis_result jsonb;
alter table posts add column embedding vector(1536);

alter table batch_run_history enable row level security;
alter table batch_processing_queue enable row level security;
alter table weekly_matches enable row level security;
create policy "Service role full access" on batch_run_history for all using (true) with check (true);
create policy "Service role full access" on batch_processing_queue for all using (true) with check (true);
create policy "Service role full access" on weekly_matches for all using (true) with check (true);
