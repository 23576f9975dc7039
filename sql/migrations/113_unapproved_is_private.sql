-- Every reader of the app may select every visible post, all columns: what a model found in a post, and its member has not
-- approved, must not stand there. The insights themselves are in user_insights, which only their member reads.
update posts set analysis_result = null where analysis_result is not null;

-- What a model once wrote is shown as it stands: markup and invisible characters (format, direction and tag characters)
-- leave the titles and descriptions that are there already. What is written from now on holds none.
update user_insights
set title = left(coalesce(nullif(btrim(cleaned.title), ''), 'An insight'), 80),
    description = coalesce(nullif(btrim(cleaned.description), ''), 'An insight from what you shared.')
from (
    select id as insight_id,
        regexp_replace(
            regexp_replace(title, '<[a-zA-Z/!?][^<>]*>|javascript\s*:', '', 'gi'), odd.characters, '', 'g'
        ) as title,
        regexp_replace(
            regexp_replace(description, '<[a-zA-Z/!?][^<>]*>|javascript\s*:', '', 'gi'), odd.characters, '', 'g'
        ) as description
    from user_insights
    cross join (
        select E'[\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\U000E0000-\U000E007F]' as characters
    ) odd
    where title ~ odd.characters or description ~ odd.characters
        or (title || description) ~* '<[a-zA-Z/!?][^<>]*>|javascript\s*:'
) cleaned
where user_insights.id = cleaned.insight_id;
