-- Old refusals are deleted by age, which must not read the rows of administrators that are kept.
create index if not exists api_audit_refused_idx on api_audit (asked_at) where outcome = 'refused';
