"""The app's own tables as external assets, so that the lineage starts at the source."""

from dagster import AssetSpec

_TABLES = {
    "profiles": "Members: attributes, place, visibility. Written by the app.",
    "match_preferences": "What a member wants of a match, in the labels of the app's screens.",
    "islamic_preferences": "A member's practice and the firm statements on a partner's.",
    "posts": "What members share: captions with categories and a depth level.",
    "voice_introductions": "Transcribed voice introductions of up to thirty seconds.",
    "dna_answers": "Answers to the app's questionnaires.",
    "insight_reviews": "Members' reviews of their insights (`user_insights.status`, `reviewed_at`).",
    "conversations": "Who is already talking with whom; messages are never read.",
}


def app_table_assets() -> list[AssetSpec]:
    """One external asset per table of the app that the pipeline reads."""
    return [
        AssetSpec(
            name,
            description=description,
            group_name="app",
            owners=["team:app"],
            kinds={"postgres"},
            metadata={"table": table, "dagster/table_name": f"public.{table}"},
        )
        for name, description in _TABLES.items()
        for table in ["user_insights" if name == "insight_reviews" else name]
    ]
