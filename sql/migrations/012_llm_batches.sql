-- Batches of model calls at OpenAI's Batch API: written before they are submitted, so that a batch is never lost and
-- never submitted twice. `requests` maps each request's id to the cache keys (or content hashes) that it asks about;
-- members' words are not in it.
create table if not exists llm_batches (
    id uuid primary key,
    provider_batch_id text unique,
    input_file_id text,
    output_file_id text,
    error_file_id text,
    kind text not null check (kind in ('chat', 'embedding')),
    stage text not null,
    week date,
    dagster_run_id text,
    model text not null,
    status text not null check (status in (
        'submitting', 'submitted', 'completed', 'expired', 'failed', 'cancelled', 'read', 'lost'
    )),
    requests jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    read_at timestamptz
);
create index if not exists llm_batches_open_idx on llm_batches (model, stage) where status not in ('read', 'lost');
alter table llm_batches enable row level security;
do $$
begin
    if exists (select from pg_roles where rolname = 'anon') then
        revoke all on llm_batches from anon;
    end if;
    if exists (select from pg_roles where rolname = 'authenticated') then
        revoke all on llm_batches from authenticated;
    end if;
end
$$;
