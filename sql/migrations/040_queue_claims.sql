-- Claiming reads the open jobs of one type and week in the order in which they are served, and stops at its limit.
create index if not exists batch_processing_queue_claim_idx
    on batch_processing_queue (job_type, week, priority, created_at, id)
    where status in ('pending', 'retry', 'processing');
