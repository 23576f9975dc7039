-- The dead-letter shelf is looked at every half minute, in a table that may hold a million jobs.
create index if not exists batch_processing_queue_failed_idx
    on batch_processing_queue (created_at desc, id) where status = 'failed';
