-- Open jobs that no run could ever take up, although they name a week: few, and found without reading the others.
create index if not exists batch_processing_queue_malformed_idx
    on batch_processing_queue (job_type)
    where status in ('pending', 'retry', 'processing') and week is not null and subject is not null
        and (extract(isodow from week) <> 7 or jsonb_typeof(payload) <> 'object');
