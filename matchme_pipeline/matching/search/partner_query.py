"""SQL of the search for one member: the hard filters of `eligibility` in the query, nearest first through the index."""

from collections.abc import Mapping
from typing import Any

from matchme_pipeline.database.connection import Connection

# How many neighbours an index scan holds at once; each further portion continues where the last one ended.
_EF_SEARCH = 400
# Where a scan gives up: of a hundred thousand members nearly all.
_MOST_SCANNED = 100_000
# Of `work_mem`, for what a scan remembers of the graph it has seen.
_SCAN_MEMORY = 32


def eligible_partners(connection: Connection, parameters: Mapping[str, Any], through_index: bool) -> list[str]:
    """Who may meet the seeker, both ways; of those with a vector the `most` nearest, and `most` of those without.

    `parameters` are those of `search.parameters`. `through_index` needs an index over the week's vectors; without it
    the scan is exact. The settings end with the transaction.
    """
    # A database without an index may know neither half-precision vectors nor the scan's settings (pgvector 0.5).
    statement = ELIGIBLE_PARTNERS if through_index else ELIGIBLE_PARTNERS.replace("halfvec", "vector")
    with connection.transaction():
        if through_index:
            connection.execute(
                """
                select set_config('hnsw.iterative_scan', 'relaxed_order', true),
                    set_config('hnsw.ef_search', %s, true), set_config('hnsw.max_scan_tuples', %s, true),
                    set_config('hnsw.scan_mem_multiplier', %s, true), set_config('enable_sort', 'off', true),
                    set_config('jit', 'off', true)
                """,
                [str(_EF_SEARCH), str(_MOST_SCANNED), str(_SCAN_MEMORY)],
            )
        else:
            connection.execute("select set_config('enable_indexscan', 'off', true), set_config('jit', 'off', true)")
        return [user_id for (user_id,) in connection.execute(statement, parameters).fetchall()]


# `partners` are the filters, cheap ones first; it is read twice. Codes are those of `vocabulary`, handed in as JSON:
# a code that is null (a missing or an unknown value) meets no stated wish, a label that is unknown asks for nothing.
ELIGIBLE_PARTNERS = """
with partners as not materialized (
    select p.clerk_user_id as user_id
    from profiles p
    left join match_preferences m on m.clerk_user_id = p.clerk_user_id
    left join islamic_preferences i on i.clerk_user_id = p.clerk_user_id
    cross join lateral (
        select
            extract(year from age(
                %(on)s::date, case when p.birthdate between '0001-01-01' and '9999-12-31' then p.birthdate end
            ))::integer as age,
            least(greatest(
                coalesce(nullif(m.age_range_min, 0), 18), coalesce(nullif(i.partner_age_min, 0)::integer, 18)
            ), 200) as age_min,
            least(
                coalesce(nullif(m.age_range_max, 0), 200), coalesce(nullif(i.partner_age_max, 0)::integer, 200)
            ) as age_max,
            coalesce(m.max_distance, 20000)::double precision as max_distance,
            cosd(p.lat::double precision) * cosd(p.lng::double precision) as x,
            cosd(p.lat::double precision) * sind(p.lng::double precision) as y,
            sind(p.lat::double precision) + 0 * p.lng::double precision as z,
            %(vocabulary)s::jsonb as v
    ) o
    cross join lateral (
        select (power(o.x - %(x)s, 2) + power(o.y - %(y)s, 2) + power(o.z - %(z)s, 2)) / 4 as haversine
    ) d
    where p.created_at < %(as_of)s and p.deleted_at is null and p.clerk_user_id <> %(seeker)s
        and p.onboarding_completed and p.is_matchable and p.profile_visibility in ('public', 'members')
        and coalesce(p.report_count, 0) < %(report_threshold)s
        and p.last_active_at between greatest(%(active_since)s, '0001-01-02'::timestamptz) and '9999-12-30'
        and o.age >= %(adult_age)s
        and p.gender = any(%(genders)s)
        and o.age between %(age_min)s and %(age_max)s and %(age)s between o.age_min and o.age_max
        -- A hair more than the rule allows: rounding differs, and the rule itself has the last word.
        and (%(anywhere)s or d.haversine <= %(reach)s::double precision + 1e-15)
        and (
            o.max_distance >= 20000
            or d.haversine <= power(sin(least(o.max_distance, pi() * 6371.0088) / (2 * 6371.0088)), 2) + 1e-15
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
            or coalesce(%(wants_education)s >> coalesce(
                o.v -> 'education' ->> p.education_level, o.v -> 'education' ->> matchme_plain(p.education_level)
            )::integer & 1, 0) = 1
        )
        and (
            %(wants_marital)s = 0
            or coalesce(%(wants_marital)s >> coalesce(
                o.v -> 'marital' ->> p.marital_status, o.v -> 'marital' ->> matchme_plain(p.marital_status)
            )::integer & 1, 0) = 1
        )
        and (
            %(wants_partner_children)s = -1 or coalesce(p.has_children::integer = %(wants_partner_children)s, false)
        )
        and (
            m.has_children_preference is null or m.has_children_preference not in ('yes', 'no')
            or (m.has_children_preference = 'yes')::integer = %(children)s
        )
        and (
            %(wants_religiosity)s = 0
            or coalesce(%(wants_religiosity)s >> coalesce(
                o.v -> 'prayer' ->> i.prayer_frequency, o.v -> 'prayer' ->> matchme_plain(i.prayer_frequency),
                case when jsonb_typeof(p.religion -> 'practiceLevel') = 'string' then coalesce(
                    o.v -> 'practice' ->> (p.religion ->> 'practiceLevel'),
                    o.v -> 'practice' ->> matchme_plain(p.religion ->> 'practiceLevel')
                ) end
            )::integer & 1, 0) = 1
        )
        and (
            %(wants_sect)s = 0
            or coalesce(%(wants_sect)s >> (
                select coalesce(o.v -> 'sect' ->> said.sect, o.v -> 'sect' ->> matchme_plain(said.sect))::integer
                from (
                    select coalesce(
                        nullif(i.sect, ''),
                        case when jsonb_typeof(p.religion -> 'sect') = 'string' then p.religion ->> 'sect' end
                    ) as sect
                ) said
            ) & 1, 0) = 1
        )
        and (
            not %(requires_hijab)s
            or exists (select from unnest(p.tags) as tag where lower(tag collate "C") = 'hijab')
        )
        and (%(wears_hijab)s or not coalesce(i.partner_hijab_required, false))
        and coalesce(
            (
                select bool_or((o.v -> 'education_labels' ->> matchme_plain(label))::integer = %(education)s)
                from jsonb_array_elements_text(
                    case jsonb_typeof(m.education_preferences) when 'array' then m.education_preferences else '[]' end
                ) as label
            ),
            true
        )
        and coalesce(
            (
                select bool_or((o.v -> 'marital_labels' ->> matchme_plain(label))::integer = %(marital)s)
                from jsonb_array_elements_text(
                    case jsonb_typeof(m.marital_status_preferences)
                        when 'array' then m.marital_status_preferences else '[]'
                    end
                ) as label
            ),
            true
        )
        and coalesce(
            (
                select bool_or((o.v -> 'religiosity_labels' ->> matchme_plain(label))::integer = %(religiosity)s)
                from jsonb_array_elements_text(
                    case jsonb_typeof(m.religiosity_preferences)
                        when 'array' then m.religiosity_preferences else '[]'
                    end
                ) as label
            ),
            true
        )
        and coalesce(
            (
                select bool_or((o.v -> 'sect' ->> matchme_plain(label))::integer = %(sect)s)
                from unnest(i.partner_sect_preference) as label
            ),
            true
        )
        and not exists (
            select from conversations c
            where c.created_at < %(as_of)s
                and (c.user1_clerk_id, c.user2_clerk_id)
                    in ((p.clerk_user_id, %(seeker)s), (%(seeker)s, p.clerk_user_id))
        )
        and not exists (
            select from weekly_matches w
            where w.week_start_date <> %(match_week)s
                and abs(w.week_start_date - %(match_week)s) < 7 * %(no_repeat_weeks)s
                and (w.user_id, w.match_user_id) in ((p.clerk_user_id, %(seeker)s), (%(seeker)s, p.clerk_user_id))
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
"""
