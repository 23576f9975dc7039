-- Eligible partners of the seeker, nearest first: the hard preferences of hard_preferences.sql, then pairs who have met.
--
-- `everyone` is read once, whole: filters that reach into it make the planner expect a single member, and it then
-- gathers every member's signs of life and place anew.
with everyone as materialized (
    select * from matchme_members_as_of(%(as_of)s)
),
seeker as materialized (
    select o.*
    from everyone p
    /* member_codes */
    where p.user_id = %(seeker)s
),
partners as materialized (
    select p.user_id
    from everyone p
    cross join seeker s
    /* member_codes */
    where p.user_id <> %(seeker)s
        and p.onboarding_completed and p.is_matchable and p.profile_visibility in ('public', 'members')
        and coalesce(p.report_count, 0) < %(report_threshold)s
        and (p.last_active_at is null or p.last_active_at >= %(active_since)s)
        and o.age >= %(adult_age)s
        and /* hard_preferences */
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
