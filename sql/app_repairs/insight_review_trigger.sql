-- Approving an insight fails: a trigger function on user_insights updates mysoul_dna_scores by a column clerk_user_id, which
-- that table does not have. This repair replaces the column by user_id and changes nothing else.
do $$
declare
    broken record;
    statement text;
    named text;
    mended text;
    definition text;
begin
    -- The trigger's own function, and those that it calls.
    for broken in
        select p.oid, p.prosrc
        from pg_proc p
        join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = current_schema() and p.prokind in ('f', 'p')
            and p.prosrc ~* '\mmysoul_dna_scores\M' and p.prosrc ~* '\mclerk_user_id\M'
            and not exists (
                select from information_schema.columns c
                where c.table_schema = n.nspname and c.table_name = 'mysoul_dna_scores'
                    and c.column_name = 'clerk_user_id'
            )
    loop
        definition := pg_get_functiondef(broken.oid);
        for statement, named in
            select m[1], m[2]
            from regexp_matches(
                broken.prosrc,
                '((?:update|insert\s+into|delete\s+from|from)\s+(?:only\s+)?(?:"?\w+"?\.)?"?mysoul_dna_scores\M"?'
                || '(?:\s+(?:as\s+)?(?!set\M|where\M|as\M|values\M|on\M|limit\M|order\M|for\M)(\w+))?[^;]*)',
                'gi'
            ) as m
        loop
            -- The column alone, or with the table's name or alias before it; `new.clerk_user_id` is another table's.
            mended := regexp_replace(statement, '(^|[^.\w])("?)clerk_user_id\M', '\1\2user_id', 'gi');
            mended := regexp_replace(mended, '\m(mysoul_dna_scores\.|excluded\.)("?)clerk_user_id\M', '\1\2user_id', 'gi');
            if named is not null then
                mended := regexp_replace(mended, '\m(' || named || '\.)("?)clerk_user_id\M', '\1\2user_id', 'gi');
            end if;
            definition := replace(definition, statement, mended);
        end loop;
        execute definition;
    end loop;
end
$$;
