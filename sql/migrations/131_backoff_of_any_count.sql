-- A job may state any number of attempts: no calendar holds 2^attempts minutes, and one such row ended the statement that
-- failed a whole stage's jobs. Twenty doublings are ten years.

create or replace function matchme_backoff(attempts integer, jitter double precision default random()) returns interval
language sql volatile parallel safe
as $$
    select make_interval(secs => 300 * 2 ^ least(greatest(attempts, 0), 20) * (0.9 + 0.2 * jitter))
$$;
