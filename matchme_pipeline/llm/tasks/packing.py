"""Packs questions into requests: one owner per request, within its limits on tokens and items; pure."""

import json
from collections.abc import Iterable, Sequence

from matchme_pipeline.llm.tasks.prompt_files import PromptSettings
from matchme_pipeline.llm.tasks.questions import Question
from matchme_pipeline.llm.text.token_estimates import BYTES_PER_TOKEN, estimated_tokens


def pack_questions(questions: Iterable[Question], settings: PromptSettings) -> list[list[Question]]:
    """Requests in order of their first question. A question that is `alone`, or too long to share, is sent alone."""
    packs: list[list[Question]] = []
    open_packs: dict[str | None, tuple[list[Question], int]] = {}
    for question in questions:
        size = question_tokens(question)
        if question.alone:
            packs.append([question])
            continue
        pack, used = open_packs.get(question.owner, ([], 0))
        if not pack or len(pack) >= settings.request_items or used + size > settings.request_tokens:
            pack, used = [], 0
            packs.append(pack)
        pack.append(question)
        open_packs[question.owner] = (pack, used + size)
    return packs


def pack_texts(texts: Sequence[tuple[str, str]], most_items: int, most_tokens: int) -> list[list[tuple[str, str]]]:
    """(key, text) pairs in requests of at most `most_items` texts and `most_tokens` tokens by the API's own count."""
    packs: list[list[tuple[str, str]]] = []
    used = 0
    for key, text in texts:
        size = estimated_tokens(text)
        if not packs or len(packs[-1]) >= most_items or used + size > most_tokens:
            packs.append([])
            used = 0
        packs[-1].append((key, text))
        used += size
    return packs


def question_tokens(question: Question) -> int:
    """Estimated tokens of a question's data in a request."""
    # The id, its quotes and a comma around the data.
    return len(json.dumps(question.data, ensure_ascii=False).encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN + 6
