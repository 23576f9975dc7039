"""Cache keys stay as they are: a changed key would pay again for every answer that is stored under the old one."""

from dataclasses import replace

import pytest

from matchme_pipeline.llm.contracts import ItemToAnalyse, PairToPreview, PairToReview, SharedInsight
from matchme_pipeline.llm.prices import load_prices
from matchme_pipeline.llm.tasks.prompt_files import Prompt, load_prompt
from matchme_pipeline.llm.tasks.questions import InsightsTask, PreviewsTask, ReviewsTask

ITEM = ItemToAnalyse("member", "0" * 64, "I love hiking with my brothers.", ("hobbies",), 2, ("Sara",))
HIKER = (SharedInsight("1", "interests", "Loves hiking", "They walk."),)
HONEST = (SharedInsight("2", "values", "Values honesty", "They say so."),)


# Released versions. A new one makes the next run pay again for every text of its week.
PROMPT_VERSIONS = {
    "insights": "insights-688bc6130ece",
    "previews": "previews-dd9784a7358d",
    "review": "review-aa7c4200066b",
}


@pytest.mark.parametrize("name", PROMPT_VERSIONS)
def test_a_prompts_version_changes_only_with_its_files_or_the_parser(name: str):
    version = load_prompt(name).version
    assert version == PROMPT_VERSIONS[name], (
        f"The prompt '{name}' has a new version: stored answers are not used for it, and the next run pays again. "
        f"If that is intended, enter {version!r} in PROMPT_VERSIONS of this file."
    )


def released(name: str, version: str) -> Prompt:
    """The prompt under a fixed version, so that the keys below do not change with a release of the prompt."""
    return replace(load_prompt(name), version=version)


@pytest.mark.parametrize(
    ("model", "parameters", "insight", "preview", "review"),
    [
        (
            "gpt-6-luna",
            "dbdea9defd31",
            "0979057f83fbf142e7f52e2f38a146e02ddb72bf0a10658e111fcdea9945dce2",
            "040e7ff64b2d4b65b39b62e2b34d27900bf3e5417d8b9455b8d0da1e3e216134",
            "b8c9d8a68a35a6d28ecdd54dbf80ec776c2305340b220ffd90f4807652a96eb1",
        ),
        (
            "gpt-4o-mini",
            "6ea5fda28501",
            "bbf593fc58a8a2c42d890ba5d071d6cd804ba3c653417ebff7a791eeadfe72b3",
            "39d3ad4b3d4676c0c5846455f676593875168de9bd2194bce38fc6e6d28ceb05",
            "1545e487dc695a51fa35e3ebfb4a267418efa7d9c0ce3a84290e7021d913df68",
        ),
    ],
)
def test_the_same_question_to_the_same_model_keeps_its_key(model, parameters, insight, preview, review):
    entry = load_prices().entry(model, "chat")
    preview_pair = PairToPreview("x", HIKER, HONEST, ("both speak Urdu",))
    assert entry.parameters == parameters
    insights = InsightsTask(released("insights", "insights-688bc6130ece"))
    previews = PreviewsTask(released("previews", "previews-dd9784a7358d"))
    reviews = ReviewsTask(released("review", "review-aa7c4200066b"))
    assert insights.question(ITEM, model, parameters).key == insight
    assert previews.question(preview_pair, model, parameters).key == preview
    assert reviews.question(PairToReview("x", HIKER, HONEST), model, parameters).key == review
