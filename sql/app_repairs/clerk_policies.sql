-- Members cannot read their own rows: policies compare with auth.uid(), which reads the token's subject as a uuid, and a
-- Clerk id is none. The same policies by the subject as a text.
do $$
declare
    broken record;
    old_call constant text := '\(?\s*(?:select\s+)?auth\.uid\(\)(?:\s+as\s+uid)?\s*\)?(?:::text)?';
begin
    for broken in
        select schemaname, tablename, policyname, qual, with_check
        from pg_policies
        where schemaname = current_schema() and (qual ~ 'auth\.uid\(\)' or with_check ~ 'auth\.uid\(\)')
    loop
        if broken.qual is not null then
            execute format(
                'alter policy %I on %I.%I using (%s)', broken.policyname, broken.schemaname, broken.tablename,
                regexp_replace(broken.qual, old_call, 'matchme_member_id()', 'gi')
            );
        end if;
        if broken.with_check is not null then
            execute format(
                'alter policy %I on %I.%I with check (%s)', broken.policyname, broken.schemaname, broken.tablename,
                regexp_replace(broken.with_check, old_call, 'matchme_member_id()', 'gi')
            );
        end if;
    end loop;
end
$$;
