"""The statements that publish a week in each layout of `mysoul_dna_scores`, from the staged `current_scores`.

An update and an insert instead of one upsert: `on conflict` fires insert triggers for every row that it proposes.
"""

from dataclasses import dataclass
from typing import LiteralString


@dataclass(frozen=True)
class Statements:
    """How existing rows are updated, and how new ones are inserted."""

    update: LiteralString
    insert: LiteralString


# Columns of both layouts, beside the strands' JSON. `tier_before` is the tier before the last change of tier, which may
# be some weeks ago; times are cutoffs, so that a second publication changes nothing.
STAGE_CURRENT: LiteralString = """
    create temporary table current_scores on commit drop as
    select
        h.user_id, h.week, h.score, h.tier, h.percentile_rank, h.approved_insights, h.days_active, h.change,
        h.algorithm_version,
        p.trait_rarity as trait_rarity_points, p.profile_depth as profile_depth_points,
        p.behavioural as behavioural_points, p.content_originality as content_originality_points,
        p.cultural_variance as cultural_variance_points,
        round(h.trait_rarity)::integer as trait_rarity_raw, round(h.profile_depth)::integer as profile_depth_raw,
        round(h.behavioural)::integer as behavioural_raw, round(h.content_originality)::integer as content_raw,
        round(h.cultural_variance)::integer as cultural_raw,
        round(o.percentile, 2) as originality_percentile,
        changed.previous_tier as tier_before,
        (h.tier_changed_on + time '02:00') at time zone 'UTC' as tier_changed_at,
        (h.significant_change_on + time '02:00') at time zone 'UTC' as significant_change_at,
        (h.week + 7 + time '02:00') at time zone 'UTC' as calculated_at,
        s.user_id is not null as is_shown,
        s.score as shown_score
    from dna_score_history h
    join shown_points p on p.user_id = h.user_id
    join matchme_present_members m on m.user_id = h.user_id and not m.is_hidden
    left join content_originality o on o.user_id = h.user_id and o.week = h.week
    left join dna_score_history changed on changed.user_id = h.user_id and changed.week = h.tier_changed_on - 7
    left join mysoul_dna_scores s on s.user_id = h.user_id
    where h.week = %(week)s
"""

# JSON columns of the later layout, in the formats of the app's own types; the audit's layout has none.
STAGE_SHAPES: LiteralString = """
    create temporary table shown_shapes on commit drop as
    select h.user_id,
        matchme_app_breakdown(h.component_breakdown, city.city_key) as component_breakdown,
        matchme_app_rare_traits(h.rare_traits) as rare_traits,
        matchme_app_unique_behaviours(h.unique_behaviours) as unique_behaviors
    from current_scores c
    join dna_score_history h on h.user_id = c.user_id and h.week = c.week
    left join lateral (
        select a.city_key::text as city_key
        from user_city_assignments a
        where a.clerk_user_id = h.user_id
            and (a.created_at is null or a.created_at < (h.week + 7 + time '02:00') at time zone 'UTC')
        order by a.created_at desc nulls last, a.is_current desc, a.id desc
        limit 1
    ) city on true
"""

_AUDIT_UPDATE: LiteralString = """
    update mysoul_dna_scores s
    set score = c.score, rarity_tier = c.tier,
        trait_uniqueness_score = c.trait_rarity_points, profile_completeness_score = c.profile_depth_points,
        behavior_score = c.behavioural_points, content_score = c.content_originality_points,
        cultural_score = c.cultural_variance_points, approved_insights_count = c.approved_insights,
        days_active = c.days_active, previous_tier = c.tier_before, tier_changed_at = c.tier_changed_at,
        last_calculated_at = c.calculated_at
    from current_scores c
    where s.user_id = c.user_id
        and (
            s.score, s.rarity_tier, s.trait_uniqueness_score, s.profile_completeness_score, s.behavior_score,
            s.content_score, s.cultural_score, s.approved_insights_count, s.days_active, s.previous_tier,
            s.tier_changed_at, s.last_calculated_at
        ) is distinct from (
            c.score, c.tier, c.trait_rarity_points, c.profile_depth_points, c.behavioural_points,
            c.content_originality_points, c.cultural_variance_points, c.approved_insights, c.days_active,
            c.tier_before, c.tier_changed_at, c.calculated_at
        )
"""

_AUDIT_INSERT: LiteralString = """
    insert into mysoul_dna_scores (
        user_id, score, rarity_tier, trait_uniqueness_score, profile_completeness_score, behavior_score,
        content_score, cultural_score, approved_insights_count, days_active, previous_tier, tier_changed_at,
        last_calculated_at
    )
    select user_id, score, tier, trait_rarity_points, profile_depth_points, behavioural_points,
        content_originality_points, cultural_variance_points, approved_insights, days_active, tier_before,
        tier_changed_at, calculated_at
    from current_scores c
    where not c.is_shown
"""

_LATER_UPDATE: LiteralString = """
    update mysoul_dna_scores s
    set score = c.score, rarity_tier = upper(c.tier),
        trait_rarity_raw_score = c.trait_rarity_raw, profile_depth_raw_score = c.profile_depth_raw,
        behavioral_raw_score = c.behavioural_raw, content_raw_score = c.content_raw,
        cultural_raw_score = c.cultural_raw, last_calculated_at = c.calculated_at,
        approved_insights_count = c.approved_insights, days_active = c.days_active,
        previous_tier = upper(c.tier_before), tier_changed_at = c.tier_changed_at,
        content_originality_score = c.content_raw, content_originality_percentile = c.originality_percentile,
        content_originality_calculated_at = c.calculated_at, percentile_rank = c.percentile_rank,
        component_breakdown = j.component_breakdown, rare_traits = j.rare_traits,
        unique_behaviors = j.unique_behaviors, algorithm_version = c.algorithm_version,
        change_delta = c.change, last_significant_change = c.significant_change_at
    from current_scores c
    join shown_shapes j on j.user_id = c.user_id
    where s.user_id = c.user_id
        and (
            s.score, s.rarity_tier, s.trait_rarity_raw_score, s.profile_depth_raw_score, s.behavioral_raw_score,
            s.content_raw_score, s.cultural_raw_score, s.last_calculated_at, s.approved_insights_count,
            s.days_active, s.previous_tier, s.tier_changed_at, s.content_originality_score,
            s.content_originality_percentile, s.content_originality_calculated_at, s.percentile_rank,
            s.component_breakdown, s.rare_traits, s.unique_behaviors, s.algorithm_version, s.change_delta,
            s.last_significant_change
        ) is distinct from (
            c.score, upper(c.tier), c.trait_rarity_raw, c.profile_depth_raw, c.behavioural_raw,
            c.content_raw, c.cultural_raw, c.calculated_at, c.approved_insights,
            c.days_active, upper(c.tier_before), c.tier_changed_at, c.content_raw,
            c.originality_percentile, c.calculated_at, c.percentile_rank,
            j.component_breakdown, j.rare_traits, j.unique_behaviors, c.algorithm_version, c.change::numeric,
            c.significant_change_at
        )
"""

_LATER_INSERT: LiteralString = """
    insert into mysoul_dna_scores (
        user_id, score, rarity_tier, trait_rarity_raw_score, profile_depth_raw_score, behavioral_raw_score,
        content_raw_score, cultural_raw_score, last_calculated_at, approved_insights_count, days_active,
        previous_tier, tier_changed_at, content_originality_score, content_originality_percentile,
        content_originality_calculated_at, percentile_rank, component_breakdown, rare_traits, unique_behaviors,
        algorithm_version, change_delta, last_significant_change
    )
    select c.user_id, c.score, upper(c.tier), c.trait_rarity_raw, c.profile_depth_raw, c.behavioural_raw, c.content_raw,
        c.cultural_raw, c.calculated_at, c.approved_insights, c.days_active, upper(c.tier_before), c.tier_changed_at,
        c.content_raw, c.originality_percentile, c.calculated_at, c.percentile_rank, j.component_breakdown,
        j.rare_traits, j.unique_behaviors, c.algorithm_version, c.change, c.significant_change_at
    from current_scores c
    join shown_shapes j on j.user_id = c.user_id
    where not c.is_shown
"""

STATEMENTS: dict[str, Statements] = {
    "audit": Statements(_AUDIT_UPDATE, _AUDIT_INSERT),
    "later": Statements(_LATER_UPDATE, _LATER_INSERT),
}

# Before the scores are written: one row per score that will change, dated by the cutoff. Publishing the same week
# again corrects its row instead of adding one.
CORRECT_HISTORY: LiteralString = """
    update mysoul_score_history x
    set score = c.score, rarity_tier = upper(c.tier), percentile_rank = c.percentile_rank,
        component_breakdown = j.component_breakdown, trait_rarity_raw_score = c.trait_rarity_raw,
        profile_depth_raw_score = c.profile_depth_raw, behavioral_raw_score = c.behavioural_raw,
        content_raw_score = c.content_raw, cultural_raw_score = c.cultural_raw,
        algorithm_version = c.algorithm_version
    from current_scores c
    join shown_shapes j on j.user_id = c.user_id
    where x.user_id = c.user_id and x.calculated_at = c.calculated_at
        and (x.score, x.percentile_rank, x.component_breakdown, x.algorithm_version)
            is distinct from (c.score, c.percentile_rank, j.component_breakdown, c.algorithm_version)
"""

# Looked up beforehand: an insert that reads its own target table scans its new rows again and again.
STAGE_RECORDED: LiteralString = """
    create temporary table recorded_scores on commit drop as
    select x.user_id
    from mysoul_score_history x
    join current_scores c on c.user_id = x.user_id and c.calculated_at = x.calculated_at
"""

ADD_HISTORY: LiteralString = """
    insert into mysoul_score_history (
        user_id, score, rarity_tier, percentile_rank, component_breakdown, trait_rarity_raw_score,
        profile_depth_raw_score, behavioral_raw_score, content_raw_score, cultural_raw_score, calculated_at,
        algorithm_version
    )
    select c.user_id, c.score, upper(c.tier), c.percentile_rank, j.component_breakdown, c.trait_rarity_raw,
        c.profile_depth_raw, c.behavioural_raw, c.content_raw, c.cultural_raw, c.calculated_at, c.algorithm_version
    from current_scores c
    join shown_shapes j on j.user_id = c.user_id
    where c.shown_score is distinct from c.score
        and not exists (select from recorded_scores r where r.user_id = c.user_id)
"""

# With the triggers on: set the percentile without naming `score`, because naming it fires them.
PUT_PERCENTILES_RIGHT: LiteralString = """
    update mysoul_dna_scores s
    set percentile_rank = c.percentile_rank
    from current_scores c
    where c.user_id = s.user_id and s.percentile_rank is distinct from c.percentile_rank
"""

# The trigger dates its rows with the transaction's time; the pipeline's rows have the cutoff.
FORGET_TRIGGERS_HISTORY: LiteralString = """
    delete from mysoul_score_history x
    using current_scores c
    where c.user_id = x.user_id and x.calculated_at = now()
"""

DELETE_LEFT: LiteralString = """
    delete from mysoul_dna_scores s
    using profiles p
    where p.clerk_user_id = s.user_id and p.deleted_at is not null
"""
