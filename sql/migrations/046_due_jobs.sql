-- Rows that the app inserts, until a run adopts them.
create index if not exists batch_processing_queue_app_idx
    on batch_processing_queue (job_type, created_at)
    where (week is null or subject is null) and status in ('pending', 'retry');
-- What is due, whatever its week: read every minute, and small however many jobs are done.
create index if not exists batch_processing_queue_retry_idx
    on batch_processing_queue (scheduled_for) where status in ('retry', 'processing');
