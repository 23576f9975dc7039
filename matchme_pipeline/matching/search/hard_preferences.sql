-- The hard preferences of two members, both ways: rules/eligibility.py in SQL, a condition each, cheap ones first.
-- `s` and `o` are rows of member_codes.sql. A value that is missing meets a stated wish unless its attribute is
-- strict (`unless_strict_…` is 0).

-- gender
(s.wants_gender >> o.gender) & (o.wants_gender >> s.gender) & 1 = 1

-- age
o.age between s.age_min and s.age_max and s.age between o.age_min and o.age_max

-- distance
-- Slightly more than the rule allows: rounding differs, and the compiled rule decides afterwards.
(
    s.anywhere and o.anywhere
    or coalesce(
        (power(o.x - s.x, 2) + power(o.y - s.y, 2) + power(o.z - s.z, 2)) / 4
            <= least(case when not s.anywhere then s.reach end, case when not o.anywhere then o.reach end) + 1e-15,
        %(unless_strict_distance)s = 1
    )
)

-- education
(
    s.wants_education = 0
    or coalesce(s.wants_education >> o.education & 1, %(unless_strict_education)s) = 1
)
and (
    o.wants_education = 0
    or coalesce(o.wants_education >> s.education & 1, %(unless_strict_education)s) = 1
)

-- marital_status
(
    s.wants_marital_status = 0
    or coalesce(s.wants_marital_status >> o.marital_status & 1, %(unless_strict_marital_status)s) = 1
)
and (
    o.wants_marital_status = 0
    or coalesce(o.wants_marital_status >> s.marital_status & 1, %(unless_strict_marital_status)s) = 1
)

-- children
(
    s.wants_partner_children = 0
    or coalesce(s.wants_partner_children >> o.children & 1, %(unless_strict_children)s) = 1
)
and (
    o.wants_partner_children = 0
    or coalesce(o.wants_partner_children >> s.children & 1, %(unless_strict_children)s) = 1
)

-- religiosity
(
    s.wants_religiosity = 0
    or coalesce(s.wants_religiosity >> o.religiosity & 1, %(unless_strict_religiosity)s) = 1
)
and (
    o.wants_religiosity = 0
    or coalesce(o.wants_religiosity >> s.religiosity & 1, %(unless_strict_religiosity)s) = 1
)

-- sect
(s.wants_sect = 0 or coalesce(s.wants_sect >> o.sect & 1, %(unless_strict_sect)s) = 1)
and (o.wants_sect = 0 or coalesce(o.wants_sect >> s.sect & 1, %(unless_strict_sect)s) = 1)

-- hijab
(%(unless_strict_hijab)s = 1 or not s.requires_hijab or o.wears_hijab)
and (%(unless_strict_hijab)s = 1 or not o.requires_hijab or s.wears_hijab)
