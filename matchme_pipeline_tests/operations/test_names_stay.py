"""Members' own names reach no model, whatever they write them into and whatever a week asks."""

import json

import pytest

from matchme_pipeline import settings
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.llm.execution import batch_run
from matchme_pipeline_tests.materialising import WEEKS, materialise
from matchme_pipeline_tests.openai_server import FakeOpenAI

WEEK = WEEKS[-1]
# First and last name, what the member writes, and what of it must not leave.
NAMED = (
    ("Zaynabelle", "El-Khourani", "zaynabelle here, ZAYNABELLE's day, Khourani-home", ("zaynabelle", "khourani")),
    ("Ayşegül", "Yıldırımoğlu", "AYSEGUL'un günü, ayşegül yildirimoglu", ("aysegul", "ayşegül", "yildirimoglu")),
    ("سارونة", "الزهرانلي", "وسارونة قالت وسارونه من بيت الزهرانلي", ("سارونة", "سارونه", "زهرانلي")),
    ("نوشابیہ", "قریشانی", "میں نوشابیه قريشاني ہوں", ("نوشابی", "قریشانی", "قريشاني")),
    ("Renée-Amélise", "O’Brienne", "renee amelise, RENÉE and obrienne's", ("renee", "renée", "amelise", "brienne")),
    ("Siti Nurhalizah", "binti Abdulhadiy", "sitinurhalizah siti-nurhalizah Abdulhadiys", ("nurhalizah", "abdulhadiy")),
)  # fmt: skip


def write_names_everywhere(connection: Connection) -> None:
    """Each member writes one of the six names, which is their own, into all that is theirs to write."""
    statements = (
        "update profiles p set first_name = n.first, last_name = n.last, bio = n.said || '. ' || coalesce(bio, ''), "
        "hobbies = hobbies || n.said from named n where n.user_id = p.clerk_user_id",
        "update posts p set caption = n.said || '. ' || coalesce(caption, ''), categories = categories || n.said "
        "from named n where n.user_id = p.clerk_user_id",
        "update voice_introductions v set transcription = n.said || '. ' || coalesce(transcription, '') "
        "from named n where n.user_id = v.user_id",
        "update dna_answers a set answer = to_jsonb(n.said) from named n where n.user_id = a.clerk_user_id",
        "update user_insights i set title = left(n.said, 60), description = n.said || '. ' || description "
        "from named n where n.user_id = i.clerk_user_id",
    )
    connection.execute("create temporary table named (user_id text, first text, last text, said text)")
    users = connection.execute("select clerk_user_id from profiles order by 1").fetchall()
    rows = [(user, *NAMED[number % len(NAMED)][:3]) for number, (user,) in enumerate(users)]
    with connection.cursor() as cursor:
        cursor.executemany("insert into named values (%s, %s, %s, %s)", rows)
    for statement in statements:
        connection.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["standard", "batch"])
def test_no_request_of_a_week_holds_the_name_of_the_member_whose_words_it_carries(
    finished_url: str, paid: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, mode: str
):
    monkeypatch.setenv("MATCHME_LLM_MODE", mode)
    monkeypatch.setenv("MATCHME_REVIEW_MODEL", "gpt-4.1")
    monkeypatch.setattr(batch_run, "MAX_POLL_SECONDS", 0.05)
    settings.process_settings.cache_clear()
    with connect(finished_url) as connection:
        write_names_everywhere(connection)
        connection.execute("update weekly_matches set chaichat_preview = null")
    assert materialise(finished_url, WEEK, provider="openai").success
    bodies = [request["body"] for request in paid.requests]
    bodies += [json.loads(line)["body"] for content in paid.batches.uploaded for line in content.splitlines()]
    said = [json.dumps(body, ensure_ascii=False) for body in bodies]
    assert all(any(kind in text for text in said) for kind in ('{\\"posts', '{\\"pairs', '"input"'))
    assert {body["model"] for body in bodies} == {"gpt-6-luna", "gpt-4.1", "text-embedding-3-small"}
    assert sum("[name]" in text for text in said) > 20
    leaks = [(word, text) for text in said for *_, words in NAMED for word in words if word in text.casefold()]
    assert not leaks, leaks[0]
