-- Members cannot read their own rows: policies compare with auth.uid(), which reads the token's subject as a uuid, but a
-- Clerk id is a text. This repair makes the same policies compare with the subject as a text.
do $$
declare
    broken record;
    -- As pg_policies writes it: with or without its select, its brackets and its cast, which come in pairs.
    old_call constant text :=
        '(?:\(\s*select\s+auth\.uid\(\)(?:\s+as\s+"?\w+"?)?\s*\)|\(\s*auth\.uid\(\)\s*\)|auth\.uid\(\))(?:::(?:text|uuid))?';
    -- The other side of a comparison of uuids: a Clerk id is a text.
    cast_column constant text := '\(("?\w+"?)\)::uuid';
begin
    for broken in
        select schemaname, tablename, policyname,
            regexp_replace(regexp_replace(qual, old_call, 'matchme_member_id()', 'gi'), cast_column, '\1', 'gi') as qual,
            regexp_replace(regexp_replace(with_check, old_call, 'matchme_member_id()', 'gi'), cast_column, '\1', 'gi')
                as with_check
        from pg_policies
        where schemaname = current_schema() and (qual ~ 'auth\.uid\(\)' or with_check ~ 'auth\.uid\(\)')
    loop
        if broken.qual is not null then
            execute format(
                'alter policy %I on %I.%I using (%s)', broken.policyname, broken.schemaname, broken.tablename, broken.qual
            );
        end if;
        if broken.with_check is not null then
            execute format(
                'alter policy %I on %I.%I with check (%s)',
                broken.policyname, broken.schemaname, broken.tablename, broken.with_check
            );
        end if;
    end loop;
end
$$;
