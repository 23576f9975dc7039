-- Approving an insight fails: a trigger function on user_insights updates mysoul_dna_scores by a column clerk_user_id, which
-- that table does not have. The same statement by user_id; nothing else of the function changes.
do $$
declare
    broken record;
begin
    for broken in
        select distinct p.oid, pg_get_functiondef(p.oid) as definition
        from pg_trigger t
        join pg_proc p on p.oid = t.tgfoid
        where t.tgrelid = 'user_insights'::regclass and not t.tgisinternal
            and p.prosrc ~* 'mysoul_dna_scores' and p.prosrc ~* 'clerk_user_id'
    loop
        execute regexp_replace(
            broken.definition,
            '((?:update|from|into)\s+(?:public\.)?mysoul_dna_scores\M[^;]*?(?:where|and)\s+(?:\w+\.)?)clerk_user_id(\s*=)',
            '\1user_id\2', 'gi'
        );
    end loop;
end
$$;
