-- Who may meet the seeker, both ways, the nearest first: the rules of matching/rules/eligibility.py in SQL.
-- `partners` are the filters, cheap ones first. Codes are those of `vocabulary`, handed in as JSON. A
-- code that is null is a missing or an unknown value: it meets a stated wish unless that attribute is strict
-- (`strict_…`); a label that is unknown asks for nothing.
--
-- `everyone` is read once, whole: filters that reach into it make the planner expect a single member, and it then
-- gathers every member's signs of life and place anew.
with everyone as materialized (
    select * from matchme_members_as_of(%(as_of)s)
),
partners as materialized (
    select p.user_id
    from everyone p
    cross join lateral (
        select
            extract(year from age(%(on)s::date, p.birthdate))::integer as age,
            least(greatest(
                coalesce(nullif(p.age_range_min, 0), 18), coalesce(nullif(p.partner_age_min, 0)::integer, 18)
            ), 200) as age_min,
            least(
                coalesce(nullif(p.age_range_max, 0), 200), coalesce(nullif(p.partner_age_max, 0)::integer, 200)
            ) as age_max,
            coalesce(p.max_distance, 20000)::double precision as max_distance,
            cosd(p.lat) * cosd(p.lng) as x,
            cosd(p.lat) * sind(p.lng) as y,
            sind(p.lat) + 0 * p.lng as z,
            v.v,
            coalesce(
                v.v -> 'prayer' ->> matchme_plain(p.prayer_frequency),
                case when jsonb_typeof(p.religion -> 'practiceLevel') = 'string'
                    then v.v -> 'practice' ->> matchme_plain(p.religion ->> 'practiceLevel')
                end
            )::integer as practice
        from (select %(vocabulary)s::jsonb as v) v
    ) o
    cross join lateral (
        select (power(o.x - %(x)s, 2) + power(o.y - %(y)s, 2) + power(o.z - %(z)s, 2)) / 4 as haversine
    ) d
    where p.user_id <> %(seeker)s
        and p.onboarding_completed and p.is_matchable and p.profile_visibility in ('public', 'members')
        and coalesce(p.report_count, 0) < %(report_threshold)s
        and (p.last_active_at is null or p.last_active_at >= %(active_since)s)
        and o.age >= %(adult_age)s
        and p.gender = any(%(genders)s)
        and o.age between %(age_min)s and %(age_max)s and %(age)s between o.age_min and o.age_max
        -- A hair more than the rule allows: rounding differs, and the rule itself has the last word.
        and (
            %(anywhere)s
            or coalesce(d.haversine <= %(reach)s::double precision + 1e-15, not %(strict_distance)s)
        )
        and (
            o.max_distance >= %(anywhere_km)s
            or coalesce(
                d.haversine <= power(sin(least(o.max_distance, pi() * 6371.0088) / (2 * 6371.0088)), 2) + 1e-15,
                not %(strict_distance)s
            )
        )
        and coalesce(
            (
                select bool_or(matchme_plain(label) = %(gender)s) from unnest(p.gender_preference) as label
                where o.v -> 'genders' ? matchme_plain(label)
            ),
            p.gender <> %(gender)s
        )
        and (
            %(wants_education)s = 0
            or coalesce(
                %(wants_education)s >> (o.v -> 'education' ->> matchme_plain(p.education_level))::integer & 1,
                %(unless_strict_education)s
            ) = 1
        )
        and (
            %(wants_marital)s = 0
            or coalesce(
                %(wants_marital)s >> (o.v -> 'marital' ->> matchme_plain(p.marital_status))::integer & 1,
                %(unless_strict_marital_status)s
            ) = 1
        )
        and (
            %(wants_partner_children)s = -1
            or coalesce(p.has_children::integer, 1 - %(unless_strict_children)s) = %(wants_partner_children)s
        )
        -- "yes" is open to a partner with children; it asks for none.
        and (
            coalesce(p.has_children_preference, '') <> 'no'
            or coalesce(%(children)s::integer, 1 - %(unless_strict_children)s) = 0
        )
        and (
            %(wants_religiosity)s = 0
            or coalesce(%(wants_religiosity)s >> o.practice & 1, %(unless_strict_religiosity)s) = 1
        )
        and (
            %(wants_sect)s = 0
            or coalesce(%(wants_sect)s >> (
                select (o.v -> 'sect' ->> matchme_plain(coalesce(
                    nullif(p.sect, ''),
                    case when jsonb_typeof(p.religion -> 'sect') = 'string' then p.religion ->> 'sect' end
                )))::integer
            ) & 1, %(unless_strict_sect)s) = 1
        )
        and (
            not (%(requires_hijab)s and %(strict_hijab)s)
            or exists (select from unnest(p.tags) as tag where lower(tag collate "C") = 'hijab')
        )
        and (%(wears_hijab)s or not (%(strict_hijab)s and coalesce(p.partner_hijab_required, false)))
        and coalesce(
            (
                select bool_or((o.v -> 'education_labels' ->> matchme_plain(label))::integer = %(education)s::integer)
                from jsonb_array_elements_text(
                    case jsonb_typeof(p.education_preferences) when 'array' then p.education_preferences else '[]' end
                ) as label
            ),
            true
        )
        and coalesce(
            (
                select bool_or((o.v -> 'marital_labels' ->> matchme_plain(label))::integer = %(marital)s::integer)
                from jsonb_array_elements_text(
                    case jsonb_typeof(p.marital_status_preferences)
                        when 'array' then p.marital_status_preferences else '[]'
                    end
                ) as label
            ),
            true
        )
        and coalesce(
            (
                select bool_or(case
                    -- "Similar to mine" is one's own practice and those beside it; of no practice it asks nothing.
                    when matchme_plain(label) = 'similartomine'
                        then abs(o.practice - %(religiosity)s::integer) <= 1 and %(religiosity)s >= 0
                    else (o.v -> 'religiosity_labels' ->> matchme_plain(label))::integer = %(religiosity)s::integer
                end)
                from jsonb_array_elements_text(
                    case jsonb_typeof(p.religiosity_preferences)
                        when 'array' then p.religiosity_preferences else '[]'
                    end
                ) as label
            ),
            true
        )
        and coalesce(
            (
                select bool_or((o.v -> 'sect_labels' ->> matchme_plain(label))::integer = %(sect)s::integer)
                from unnest(p.partner_sect_preference) as label
            ),
            true
        )
        and not exists (
            select from conversations c
            where c.created_at < %(as_of)s
                and (c.user1_clerk_id, c.user2_clerk_id)
                    in ((p.user_id, %(seeker)s), (%(seeker)s, p.user_id))
        )
        and not exists (
            select from weekly_matches w
            where w.week_start_date <> %(match_week)s
                and abs(w.week_start_date - %(match_week)s) < 7 * %(no_repeat_weeks)s
                and (w.user_id, w.match_user_id) in ((p.user_id, %(seeker)s), (%(seeker)s, p.user_id))
        )
)
(
    select p.user_id
    from user_embeddings e
    join partners p on p.user_id = e.user_id
    where e.week = %(week)s and e.model = %(model)s
    order by e.embedding::halfvec(1536) <#> %(vector)s::halfvec(1536)
    limit %(most)s
)
union all
(
    select p.user_id
    from partners p
    where not exists (
        select from user_embeddings e where e.user_id = p.user_id and e.week = %(week)s and e.model = %(model)s
    )
    order by p.user_id
    limit %(most)s
)
