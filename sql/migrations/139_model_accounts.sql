-- Each model provider's account has its own limits a minute and its own batches.
alter table llm_departures add column if not exists provider text not null default 'openai';
create index if not exists llm_departures_provider_idx on llm_departures (provider, left_at);
alter table llm_batches add column if not exists provider text not null default 'openai';
