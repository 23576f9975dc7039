-- Every match row is written twice: by the matching, then with its preview. Room on its page lets the second write stay
-- there (a heap-only tuple), so that none of the table's indexes is written again. Rows written before are not moved.
alter table weekly_matches set (fillfactor = 60);
