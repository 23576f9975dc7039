-- What the hard preferences look at, one row a member `p` of matchme_members_as_of: rules/members.py in SQL.
-- Codes are the places of values in `vocabulary`, null where a value is missing or unknown. A mask (`wants_…`) has a bit
-- for each wanted code, 0 where any will do; a label that is unknown asks for nothing. The row is `o`; each column
-- is computed where it is used.
cross join lateral (
    select
        extract(year from age(%(on)s::date, p.birthdate))::integer as age,
        least(greatest(
            coalesce(nullif(p.age_range_min, 0), 18), coalesce(nullif(p.partner_age_min, 0)::integer, 18)
        ), 200) as age_min,
        least(
            coalesce(nullif(p.age_range_max, 0), 200), coalesce(nullif(p.partner_age_max, 0)::integer, 200)
        ) as age_max,
        cosd(p.lat) * cosd(p.lng) as x,
        cosd(p.lat) * sind(p.lng) as y,
        sind(p.lat) + 0 * p.lng as z,
        coalesce(p.max_distance >= least(%(anywhere_km)s, 20000), true) as anywhere,
        power(sin(greatest(least(p.max_distance, pi() * 6371.0088), 0) / (2 * 6371.0088)), 2) as reach,
        (v.v -> 'genders' ->> p.gender)::integer as gender,
        coalesce(
            (
                select bit_or(1 << (v.v -> 'genders' ->> matchme_plain(label))::integer)
                from unnest(p.gender_preference) as label
            ),
            %(all_genders)s & ~(1 << (v.v -> 'genders' ->> p.gender)::integer)
        ) as wants_gender,
        (v.v -> 'education' ->> matchme_plain(p.education_level))::integer as education,
        coalesce(
            (
                select bit_or(1 << (v.v -> 'education_labels' ->> matchme_plain(label))::integer)
                from jsonb_array_elements_text(
                    case jsonb_typeof(p.education_preferences) when 'array' then p.education_preferences else '[]' end
                ) as label
            ),
            0
        ) as wants_education,
        (v.v -> 'marital' ->> matchme_plain(p.marital_status))::integer as marital_status,
        coalesce(
            (
                select bit_or(1 << (v.v -> 'marital_labels' ->> matchme_plain(label))::integer)
                from jsonb_array_elements_text(
                    case jsonb_typeof(p.marital_status_preferences)
                        when 'array' then p.marital_status_preferences else '[]'
                    end
                ) as label
            ),
            0
        ) as wants_marital_status,
        p.has_children::integer as children,
        -- "yes" is open to a partner with children; it asks for none.
        case p.has_children_preference when 'no' then 1 else 0 end as wants_partner_children,
        w.practice as religiosity,
        coalesce(
            (
                select bit_or(case
                    -- "Similar to mine" is one's own practice and those beside it; of no practice it asks nothing.
                    when matchme_plain(label) = 'similartomine' then 7 << w.practice >> 1
                    else 1 << (v.v -> 'religiosity_labels' ->> matchme_plain(label))::integer
                end)
                from jsonb_array_elements_text(
                    case jsonb_typeof(p.religiosity_preferences)
                        when 'array' then p.religiosity_preferences else '[]'
                    end
                ) as label
            ),
            0
        ) as wants_religiosity,
        (v.v -> 'sect' ->> matchme_plain(coalesce(
            nullif(p.sect, ''),
            case when jsonb_typeof(p.religion -> 'sect') = 'string' then p.religion ->> 'sect' end
        )))::integer as sect,
        coalesce(
            (
                select bit_or(1 << (v.v -> 'sect_labels' ->> matchme_plain(label))::integer)
                from unnest(p.partner_sect_preference) as label
            ),
            0
        ) as wants_sect,
        exists (select from unnest(p.tags) as tag where lower(tag collate "C") = 'hijab') as wears_hijab,
        coalesce(p.partner_hijab_required, false) as requires_hijab
    from (select %(vocabulary)s::jsonb as v) v
    cross join lateral (
        select coalesce(
            v.v -> 'prayer' ->> matchme_plain(p.prayer_frequency),
            case when jsonb_typeof(p.religion -> 'practiceLevel') = 'string'
                then v.v -> 'practice' ->> matchme_plain(p.religion ->> 'practiceLevel')
            end
        )::integer as practice
    ) w
) o
