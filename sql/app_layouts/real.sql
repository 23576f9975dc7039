-- The app's database with the faults that its own migrations leave in it, over the stand-in: the score layout and triggers
-- of the later layout (apply mysoul_dna_scores_later.sql first), the review trigger that names a column which is not
-- there, policies that read the token's subject as a uuid, and the earlier batch's schedule.
create or replace function award_insight_review_points() returns trigger language plpgsql as $$
begin
    insert into gamification_progress as g (clerk_user_id, total_points, insights_reviewed, last_review_date)
    values (new.clerk_user_id, 10, 1, new.reviewed_at)
    on conflict (clerk_user_id) do update
    set total_points = g.total_points + 10, insights_reviewed = g.insights_reviewed + 1;
    if new.status = 'approved' then
        update mysoul_dna_scores
        set approved_insights_count = approved_insights_count + 1, updated_at = now()
        where clerk_user_id = new.clerk_user_id;
    end if;
    return new;
end
$$;

create schema if not exists auth;
create or replace function auth.uid() returns uuid language sql stable as $$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;

drop policy own_rows on mysoul_dna_scores;
create policy "Users can view their own DNA score" on mysoul_dna_scores for select
    using (auth.uid()::text = user_id);
create policy "Users can insert their own DNA score" on mysoul_dna_scores for insert
    with check ((select auth.uid())::text = user_id);
create policy "Users can update their own DNA score" on mysoul_dna_scores for update
    using (auth.uid() is not null and auth.uid()::text = user_id) with check (auth.uid()::text = user_id);
create policy "Users can view their own score history" on mysoul_score_history for select
    using (auth.uid()::text = user_id);
create policy "Users delete preferences" on match_preferences for delete using (true);
create policy "Anyone can view visible posts" on posts for select using (is_visible = true and deleted_at is null);

-- pg_cron's table and the one function of it that a repair calls.
create schema cron;
create table cron.job (
    jobid bigint generated always as identity primary key,
    schedule text not null,
    command text not null,
    nodename text not null default 'localhost',
    database text not null default current_database(),
    username text not null default current_user,
    active boolean not null default true,
    jobname text
);
create function cron.unschedule(job_id bigint) returns boolean language sql as $$
    delete from cron.job where jobid = job_id returning true
$$;
insert into cron.job (jobname, schedule, command)
values
    ('weekly-batch', '0 2 * * 0', 'select net.http_post(url := current_setting(''app.url'') || ''/functions/v1/weekly-batch'')'),
    ('clean-up-uploads', '0 4 * * *', 'delete from uploads where created_at < now() - interval ''7 days''');

do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated') then
        grant usage on schema auth to authenticated;
        grant select, insert, update on mysoul_dna_scores to authenticated;
        grant select on mysoul_score_history to authenticated;
    end if;
end
$$;
