"""What seeded members do with their matches."""

from datetime import timedelta

import pandas as pd

from matchme_pipeline.cli import show
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.outcomes import funnel, outcome_queries
from matchme_pipeline.matching.outcomes.outcome_queries import funnel_of_weeks
from matchme_pipeline.population.latent import affinity
from matchme_pipeline.population.match_answer_queries import ShownRow
from matchme_pipeline.population.match_answers import answer_matches, decide
from matchme_pipeline.population.queries import latents
from matchme_pipeline_tests.materialising import WEEKS, changed_tables, rows_of_every_table

END = WEEKS[-1].cutoff


def test_members_answer_once_and_the_funnel_narrows(finished: Connection):
    reports = [answer_matches(finished, week, 7, END) for week in WEEKS[:-1]]
    assert all(report.shown > report.viewed > report.liked > 0 for report in reports)
    before = rows_of_every_table(finished)
    assert [answer_matches(finished, week, 7, END) for week in WEEKS[:-1]] == reports
    assert changed_tables(before, rows_of_every_table(finished)) == []
    outcome_queries.replace_outcomes(finished, WEEKS[-1])
    counts = funnel.counts(outcome_queries.outcomes_of(finished, WEEKS[-1].sunday))
    assert counts["shown"] > counts["viewed"] > counts["engaged"] > counts["liked"] > counts["mutual"] > 0
    assert counts["mutual"] >= counts["conversation"] >= counts["replied"] >= counts["talking"]
    assert counts["replied"] > 0
    shown = funnel_of_weeks(finished, [week.sunday for week in WEEKS])
    assert list(shown) == [str(week.match_week) for week in WEEKS[:-1]]
    assert sum(reached["shown"] for reached in shown.values()) == counts["shown"]
    assert sum(reached["talking"] for reached in shown.values()) == counts["talking"]
    show.funnel_table(shown)


def test_nobody_writes_after_the_populations_end(finished: Connection):
    answer_matches(finished, WEEKS[0], 7, WEEKS[0].cutoff + timedelta(days=6))
    row = finished.execute("select max(sent_at) from messages where content = 'Salaam'").fetchone()
    assert row is not None
    assert row[0] < WEEKS[0].cutoff + timedelta(days=6)


def test_truth_and_place_decide_beside_chance(finished: Connection):
    truth = latents(finished)
    ids = sorted(truth)
    shown = [ShownRow(a, b, 1 + number % 5, 2.0) for a in ids[:60] for number, b in enumerate(ids[60:110])]
    actions = {(one.user_id, one.match_user_id): one.action for one in decide(shown, truth, 7, WEEKS[0])}
    table = pd.DataFrame(
        {
            "rank": row.rank,
            "viewed": (row.user_id, row.match_user_id) in actions,
            "liked": actions.get((row.user_id, row.match_user_id)) == "liked",
            "affinity": affinity(truth[row.user_id], truth[row.match_user_id]),
            "partner": row.match_user_id,
            "member": row.user_id,
        }
        for row in shown
    )
    viewed = table.groupby("rank")["viewed"].mean()
    assert viewed[1] > viewed[3] > viewed[5]
    seen = table[table["viewed"]]
    assert seen[seen["affinity"] > 0.3]["liked"].mean() > seen[seen["affinity"] < 0.1]["liked"].mean() + 0.1
    # Popular and choosy members differ by more than chance would.
    for side in ("partner", "member"):
        assert seen.groupby(side)["liked"].mean().std() > 0.12
