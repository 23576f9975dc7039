-- The later layout of the scores: raw strands 0-100, tiers in upper case, and the app's triggers as they are: one
-- counts the whole table on every changed score, the other writes history.
drop table mysoul_dna_scores;

create table mysoul_dna_scores (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    score integer not null default 0,
    -- The app's default breaks the app's own check below: a row without a tier is refused.
    rarity_tier text not null default 'Common',
    trait_rarity_raw_score integer not null default 0,
    profile_depth_raw_score integer not null default 0,
    behavioral_raw_score integer not null default 0,
    last_calculated_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    content_raw_score integer not null default 0,
    cultural_raw_score integer not null default 0,
    approved_insights_count integer not null default 0,
    days_active integer not null default 0,
    previous_tier text,
    tier_changed_at timestamptz,
    content_originality_score integer default 50,
    content_originality_percentile numeric(5,2),
    content_originality_calculated_at timestamptz,
    percentile_rank numeric(5,2),
    component_breakdown jsonb default '{}',
    rare_traits jsonb default '[]',
    unique_behaviors jsonb default '[]',
    algorithm_version text default 'v1.0',
    change_delta numeric(6,2),
    last_significant_change timestamptz,
    check ((behavioral_raw_score >= 0) and (behavioral_raw_score <= 100)),
    check ((content_originality_percentile >= (0)) and (content_originality_percentile <= (100))),
    check ((content_originality_score >= 0) and (content_originality_score <= 100)),
    check ((content_raw_score >= 0) and (content_raw_score <= 100)),
    check ((cultural_raw_score >= 0) and (cultural_raw_score <= 100)),
    check ((percentile_rank >= (0)) and (percentile_rank <= (100))),
    check ((profile_depth_raw_score >= 0) and (profile_depth_raw_score <= 100)),
    check (rarity_tier in ('COMMON', 'UNCOMMON', 'RARE', 'EPIC', 'LEGENDARY')),
    check ((score >= 0) and (score <= 100)),
    check ((trait_rarity_raw_score >= 0) and (trait_rarity_raw_score <= 100)),
    unique (user_id)
);

-- Counts the whole table for every row: a bulk write is quadratic, and its own percentile is overwritten.
create function update_dna_percentile_rank() returns trigger language plpgsql as $$
declare
    below integer;
    total integer;
begin
    select count(*) filter (where score < new.score), count(*) into below, total from mysoul_dna_scores;
    new.percentile_rank := case when total > 0 then round(below::numeric / total * 100, 2) else 50 end;
    return new;
end
$$;

-- Writes a history row for every changed score. Triggers fire in the order of their names, this one before the
-- percentile's: history records the percentile that the writer sent, the score keeps the one that was counted.
create function auto_record_score_history() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or new.score is distinct from old.score then
        insert into mysoul_score_history (
            user_id, score, rarity_tier, percentile_rank, component_breakdown, trait_rarity_raw_score,
            profile_depth_raw_score, behavioral_raw_score, content_raw_score, cultural_raw_score, algorithm_version
        )
        values (
            new.user_id, new.score, new.rarity_tier, new.percentile_rank, new.component_breakdown,
            new.trait_rarity_raw_score, new.profile_depth_raw_score, new.behavioral_raw_score,
            new.content_raw_score, new.cultural_raw_score, new.algorithm_version
        );
    end if;
    return new;
end
$$;

create trigger mysoul_dna_scores_update_posts_updated_at before update on mysoul_dna_scores
    for each row execute function update_posts_updated_at();
create trigger mysoul_dna_scores_update_dna_percentile_rank before insert or update of score on mysoul_dna_scores
    for each row execute function update_dna_percentile_rank();
create trigger mysoul_dna_scores_auto_record_score_history before insert or update of score on mysoul_dna_scores
    for each row execute function auto_record_score_history();

alter table mysoul_dna_scores enable row level security;
create policy own_rows on mysoul_dna_scores for select using (
    user_id = nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
);
