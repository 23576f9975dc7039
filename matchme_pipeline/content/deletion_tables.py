"""The statements that remove a member from each table of the pipeline, and their id from kept records."""

# The order matters where one statement reads rows that the next removes.
BY_MEMBER = (
    ("user_insights", "delete from user_insights where clerk_user_id = any(%s)"),
    ("insight_sources", "delete from insight_sources where user_id = any(%s)"),
    ("content_items", "delete from content_items where user_id = any(%s)"),
    ("user_embeddings", "delete from user_embeddings where user_id = any(%s)"),
    ("past_vector_parts", "delete from past_vector_parts where user_id = any(%s)"),
    ("content_originality", "delete from content_originality where user_id = any(%s)"),
    ("dna_score_history", "delete from dna_score_history where user_id = any(%s)"),
    ("dna_shown_scores", "delete from dna_shown_scores where user_id = any(%s)"),
    ("mysoul_dna_scores", "delete from mysoul_dna_scores where user_id = any(%s)"),
    ("weekly_matches", "delete from weekly_matches where user_id = any(%s)"),
    ("weekly_matches_of_others", "delete from weekly_matches where match_user_id = any(%s)"),
    ("match_outcomes", "delete from match_outcomes where user_id = any(%s)"),
    ("match_outcomes_of_others", "delete from match_outcomes where match_user_id = any(%s)"),
    ("match_random_places", "delete from match_random_places where user_id = any(%s)"),
    ("match_random_places_of_others", "delete from match_random_places where match_user_id = any(%s)"),
    ("match_tendencies", "delete from match_tendencies where user_id = any(%s)"),
    ("member_reports", "delete from member_reports where user_id = any(%s)"),
    ("member_reports_of_others", "delete from member_reports where reported_user_id = any(%s)"),
    ("batch_processing_queue", "delete from batch_processing_queue where user_id = any(%s)"),
    ("user_roles", "delete from user_roles where user_id = any(%s)"),
    ("api_page_sessions", "delete from api_page_sessions where user_id = any(%s)"),
)
# Cost and audit records stay, without the member's id.
ON_RECORD = (
    "update llm_calls set user_id = null where user_id = any(%s)",
    "update api_triggers set requested_by = 'forgotten' where requested_by = any(%s)",
    # Two statements, because an update changes a row once, and both the requester and the subject may be removed
    # members.
    "update api_audit set user_id = 'forgotten' where user_id = any(%s)",
    """
    update api_audit a
    set subject = replace(a.subject, u.id, 'forgotten')
    from unnest(%s::text[]) as u (id)
    where position(u.id in a.subject) > 0
    """,
)
