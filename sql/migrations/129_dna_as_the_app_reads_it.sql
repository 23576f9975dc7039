-- The parts of a DNA score as the app's own types read them, made from what `dna_score_history` keeps. The publishing of
-- scores and the API both call these, so that every layout of `mysoul_dna_scores` answers in the same shape.
create or replace function matchme_app_breakdown(breakdown jsonb, city text) returns jsonb
language sql immutable parallel safe
as $$
    select coalesce(
        jsonb_object_agg(
            names.app_name,
            jsonb_build_object(
                'score', round(coalesce((strand.found ->> 'score')::numeric, 0), 2),
                'weight', round(coalesce((strand.found ->> 'weight')::numeric, 0) / 100, 2),
                'weightedScore', round(
                    coalesce((strand.found ->> 'score')::numeric * (strand.found ->> 'weight')::numeric / 100, 0), 2
                ),
                'explanation', coalesce(strand.found ->> 'sentence', '')
            )
            || case
                when names.ours = 'profile_depth'
                    then jsonb_build_object('dimensions', coalesce(strand.found #> '{figures,dimensions}', '{}'))
                when names.ours = 'content_originality' and strand.found #> '{figures,percentile}' is not null
                    then jsonb_build_object('originality', jsonb_build_object(
                        'percentile', strand.found #> '{figures,percentile}',
                        'avgSimilarity', strand.found #> '{figures,mean_similarity}'
                    ))
                when names.ours = 'cultural_variance' and city is not null
                    then jsonb_build_object('cityCluster', city)
                else '{}'
            end
        ),
        '{}'
    )
    from (
        values
            ('trait_rarity', 'traitRarity'), ('profile_depth', 'profileDepth'), ('behavioural', 'behavioral'),
            ('content_originality', 'contentOriginality'), ('cultural_variance', 'culturalVariance')
    ) as names (ours, app_name)
    cross join lateral (select breakdown -> names.ours as found) strand
    where jsonb_typeof(strand.found) = 'object'
$$;

-- `frequency` is the share of members who have the trait, `idfScore` ln(1 / frequency), `percentile` the per cent of
-- members who do not have it.
create or replace function matchme_app_rare_traits(traits jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'category', one.trait ->> 'category',
                'trait', one.trait ->> 'trait',
                'displayName', one.trait ->> 'name',
                'idfScore', case
                    when (one.trait ->> 'frequency')::numeric > 0
                        then round(-ln((one.trait ->> 'frequency')::numeric), 3)
                    else 0
                end,
                'frequency', round((one.trait ->> 'frequency')::numeric, 5),
                'percentile', round(100 * (1 - (one.trait ->> 'frequency')::numeric), 2)
            )
            order by one.place
        ),
        '[]'
    )
    from jsonb_array_elements(case when jsonb_typeof(traits) = 'array' then traits else '[]' end)
        with ordinality as one (trait, place)
$$;

-- `percentile` is the per cent of compared members whose value is lower, `populationMean` their mean. Rows that were
-- written before both were kept have neither: null, and the median, which is what was kept.
create or replace function matchme_app_unique_behaviours(behaviours jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'metric', one.behaviour ->> 'behaviour',
                'displayName', coalesce(
                    one.behaviour ->> 'name', initcap(replace(one.behaviour ->> 'behaviour', '_', ' '))
                ),
                'value', one.behaviour -> 'value',
                'populationMean', coalesce(one.behaviour -> 'mean', one.behaviour -> 'typical'),
                'zScore', one.behaviour -> 'z',
                'percentile', one.behaviour -> 'percentile'
            )
            order by one.place
        ),
        '[]'
    )
    from jsonb_array_elements(case when jsonb_typeof(behaviours) = 'array' then behaviours else '[]' end)
        with ordinality as one (behaviour, place)
$$;
