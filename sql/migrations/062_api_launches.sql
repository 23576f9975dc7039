-- Who takes a run that was asked for to Dagster, and until when: an ended process's launches are taken up by the next.
alter table api_triggers add column if not exists lease_until timestamptz;
create index if not exists api_triggers_launching_idx on api_triggers (requested_at, week) where state = 'launching';
