-- The queue and the run history. An earlier attempt may have created both, with rows in them: every column is
-- added only where it is missing, and none is dropped or rewritten.
create table if not exists batch_run_history (
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
    error_log jsonb not null default '[]'::jsonb,
    metadata jsonb default '{}'::jsonb
);

alter table batch_run_history add column if not exists dagster_run_id text;
alter table batch_run_history add column if not exists week date;
-- Cents are too coarse for a run that costs less than one; the exact sum stands beside them.
alter table batch_run_history add column if not exists cost_usd numeric(18, 10) not null default 0;
alter table batch_run_history add column if not exists input_tokens bigint not null default 0;
alter table batch_run_history add column if not exists cached_input_tokens bigint not null default 0;
alter table batch_run_history add column if not exists output_tokens bigint not null default 0;

create unique index if not exists batch_run_history_dagster_run_id_key
    on batch_run_history (dagster_run_id) where dagster_run_id is not null;
create index if not exists batch_run_history_week_idx on batch_run_history (week, started_at desc);

create table if not exists batch_processing_queue (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    job_type varchar(30) not null
        check (job_type in ('content_analysis', 'dna_recalculation', 'match_generation', 'embedding_update')),
    payload jsonb not null default '{}'::jsonb,
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

alter table batch_processing_queue add column if not exists week date;
alter table batch_processing_queue add column if not exists subject text;
alter table batch_processing_queue add column if not exists dagster_run_id text;
alter table batch_processing_queue add column if not exists lease_expires_at timestamptz;

-- What a week must do is enqueued once: per type, subject and week. Rows that the app inserts have no week.
create unique index if not exists batch_processing_queue_once_key
    on batch_processing_queue (job_type, subject, week) where week is not null and subject is not null;
create index if not exists batch_processing_queue_due_idx
    on batch_processing_queue (job_type, week, priority, scheduled_for) where status in ('pending', 'retry');
create index if not exists batch_processing_queue_user_idx on batch_processing_queue (user_id, created_at desc);
create index if not exists batch_processing_queue_week_idx on batch_processing_queue (week, status);
