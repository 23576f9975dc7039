-- A run shows that it lives: when it last gave a sign, which process works on it, and whether it publishes matches
-- (runs that do take turns over all weeks; other runs only within their week).
alter table batch_run_history add column if not exists heartbeat_at timestamptz;
alter table batch_run_history add column if not exists worker text;
alter table batch_run_history add column if not exists publishes_matches boolean not null default false;
create index if not exists batch_run_history_running_idx on batch_run_history (started_at) where status = 'running';

-- A run's figures are counted while it works.
create index if not exists batch_processing_queue_run_idx
    on batch_processing_queue (dagster_run_id, status) where dagster_run_id is not null;
