"""Previews: one a pair, built on what both have approved, giving nothing else away to the model or to the other."""

import json
from datetime import datetime
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.llm.tasks.questions import INSIGHTS_A_SIDE, shown_insights
from matchme_pipeline.matching.member_queries import PairRow
from matchme_pipeline.matching.week.previews import pairs_to_preview
from matchme_pipeline_tests.materialising import WEEKS, materialise
from matchme_pipeline_tests.openai_server import FakeOpenAI

LAST = WEEKS[-1]
# Words that stand nowhere but where a test puts them.
SECRETS = {
    "first_name": "Zubaydahcanary",
    "last_name": "Lastcanary",
    "location": "Locationcanary",
    "bio": "Biocanary writes about herself",
    "status_text": "Statuscanary",
    "hometown": "Hometowncanary",
    "occupation": "Occupationcanary",
    "annual_income_range": "Incomecanary",
}


def preview_requests(server: FakeOpenAI) -> list[str]:
    bodies = [json.dumps(request["body"], ensure_ascii=False) for request in server.requests]
    return [body for body in bodies if "common_ground" in body]


def test_the_model_sees_what_both_have_approved_and_nothing_else_of_them(finished_url: str, paid: FakeOpenAI):
    with connect(finished_url) as connection:
        everybody = [user for (user,) in connection.execute("select clerk_user_id from profiles").fetchall()]
        assignments = ", ".join(f"{column} = %s" for column in SECRETS)
        connection.execute(f"update profiles set {assignments}", list(SECRETS.values()))  # type: ignore[arg-type]
        connection.execute("update islamic_preferences set notes = 'Notescanary'")
        give_insight(connection, "pending", None, "Unapprovedcanary", "What nobody has looked at.")
        give_insight(connection, "rejected", LAST.start, "Rejectedcanary", "What they would not have said of them.")
        give_insight(connection, "approved", LAST.cutoff, "Latecanary", "What they approved when the week was over.")
        contact = "Write to canary@example.com or +44 7700 900123."
        give_insight(connection, "approved", LAST.start, "Values honest work", contact)
    assert materialise(finished_url, LAST, "chaichat_previews", provider="openai").success
    bodies = preview_requests(paid)
    assert bodies
    said = "\n".join(bodies)
    assert "Values honest work" in said
    assert "canary" not in said.lower()
    assert "7700" not in said
    assert not [user_id for user_id in everybody if user_id in said]
    prompt_free = "\n".join(message for body in bodies for message in _user_messages(body))
    for word in ("score", "age_range", "max_distance", "preferences", "religiosity", "sect", "gender", "birthdate"):
        assert f'"{word}' not in prompt_free


def test_one_preview_a_pair_in_both_rows_naming_approved_insights_of_the_two(finished_url: str, paid: FakeOpenAI):
    assert materialise(finished_url, LAST, "chaichat_previews", provider="openai").success
    with connect(finished_url) as connection:
        rows = connection.execute(
            "select user_id, match_user_id, chaichat_preview, score from weekly_matches where week_start_date = %s",
            [LAST.match_week],
        ).fetchall()
        approved = connection.execute(
            "select id::text, clerk_user_id from user_insights where status = 'approved' and reviewed_at < %s",
            [LAST.cutoff],
        ).fetchall()
    previews = {(user_id, other): preview for user_id, other, preview, _ in rows}
    own = set(approved)
    for (user_id, other), preview in previews.items():
        assert previews[other, user_id] == preview
        assert 2 <= len(preview["level_1"]) <= 3
        assert 2 <= len(preview["level_2"]) <= 3
        for insight in preview["insights_used"]:
            assert (insight, user_id) in own or (insight, other) in own
    said = " ".join(text for p in previews.values() for level in ("level_1", "level_2") for text in p[level])
    assert not [str(score) for *_, score in rows if str(score) in said]


insights = st.lists(
    st.builds(
        SharedInsight,
        st.uuids().map(str),
        st.sampled_from(["values", "interests", "family"]),
        st.sampled_from([f"Title {n}" for n in range(12)]),
        st.just("About it."),
    ),
    max_size=12,
)
hobbies = st.lists(st.sampled_from(["tea", "hills", "chess", "poetry"]), unique=True)


@settings(max_examples=150, deadline=None)
@given(insights, insights, hobbies, hobbies)
def test_a_pair_shows_its_own_approved_insights_and_hobbies_of_both(
    a: list[SharedInsight], b: list[SharedInsight], of_a: list[str], of_b: list[str]
):
    approved = {"user_a": a, "user_b": b, "user_c": [SharedInsight("x", "values", "Somebody else's", "")]}
    attributes = {"user_a": {"hobbies": of_a, "languages": ["Urdu"]}, "user_b": {"hobbies": of_b}}
    [pair] = pairs_to_preview([PairRow("user_a", "user_b", None)], approved, attributes)
    for shown, own in zip(shown_insights(pair), (a, b), strict=True):
        assert set(shown) <= set(own)
        titles = [insight.title for insight in shown]
        assert len(set(titles)) == len(titles) == min(INSIGHTS_A_SIDE, len({insight.title for insight in own}))
    assert set(pair.common_ground) == set(of_a) & set(of_b)
    assert "user_" not in str(pair)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([f"{letter}akes bread" for letter in "ABCDEFGHIJKLMNOPQRSTU"]), unique=True),
    st.lists(st.sampled_from([f"{letter}limbs hills" for letter in "ABCDEFGHIJKLMNOPQRSTU"]), unique=True),
    st.booleans(),
)
def test_the_most_alike_insights_are_shown_however_many_stand_before_them_in_the_alphabet(
    of_a: list[str], of_b: list[str], last: bool
):
    a = [SharedInsight(f"a-{title}", "interests", title, "") for title in of_a]
    b = [SharedInsight(f"b-{title}", "family", title, "") for title in of_b]
    alike = (
        SharedInsight("a", "values", "Volunteers with refugees", ""),
        SharedInsight("b", "values", "Volunteering for refugees", ""),
    )
    approved = {
        "user_a": [*a, alike[0]] if last else [alike[0], *a],
        "user_b": [*b, alike[1]] if last else [alike[1], *b],
    }
    [pair] = pairs_to_preview([PairRow("user_a", "user_b", None)], approved, {})
    assert [side[0] for side in shown_insights(pair)] == list(alike)


def give_insight(connection: Connection, status: str, reviewed: datetime | None, title: str, description: str) -> None:
    """An insight of that status to every member who is in the last week's lists."""
    for (user_id,) in connection.execute(
        "select distinct user_id from weekly_matches where week_start_date = %s", [LAST.match_week]
    ).fetchall():
        connection.execute(
            """
            insert into user_insights (
                id, clerk_user_id, insight_category, title, description, source_quote, confidence_score, status,
                reviewed_at, created_at
            )
            values (%s, %s, 'values', %s, %s, 'x', 80, %s, %s, %s)
            """,
            [uuid4(), user_id, title, description, status, reviewed, LAST.start],
        )


def _user_messages(body: str) -> list[str]:
    return [message["content"] for message in json.loads(body)["messages"] if message["role"] == "user"]
