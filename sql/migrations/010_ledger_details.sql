-- Tokens that a provider wrote to its prompt cache (part of input_tokens, with a price of their own), and the size of
-- what was sent: tokens by byte, as billed, is what estimates are calibrated on.
alter table llm_calls add column if not exists cache_write_tokens bigint not null default 0;
alter table llm_calls add column if not exists request_bytes bigint not null default 0;
