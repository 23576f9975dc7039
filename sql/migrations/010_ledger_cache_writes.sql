-- Tokens that a provider wrote to its prompt cache; they are part of input_tokens and have a price of their own.
alter table llm_calls add column if not exists cache_write_tokens bigint not null default 0;
