"""Classifies an answer about several questions (keep, ask again, refusal) and limits its length."""

from collections.abc import Mapping
from dataclasses import dataclass

from matchme_pipeline.llm.execution.wire_format import ChatAnswer
from matchme_pipeline.llm.prices import ModelEntry
from matchme_pipeline.llm.tasks.answer_parsing import UnreadableAnswerError, read_object
from matchme_pipeline.llm.tasks.questions import Question, Reading, Task

# The most tokens of an answer to one question, and of the frame around all answers.
ANSWER_TOKENS_A_QUESTION, ANSWER_TOKENS_FRAME = 300, 100


@dataclass(frozen=True)
class AnswerOutcome:
    """The ledger's outcome for an answer, and the parsed answer; None if it cannot be parsed."""

    word: str
    reading: Reading | None = None


def evaluate_answer(answer: ChatAnswer | None, task: Task, asked: Mapping[str, Question]) -> AnswerOutcome:
    """Classify an answer about `asked`: unreadable, refused, cut_off, unusable, partial or ok."""
    if answer is None:
        return AnswerOutcome("unreadable")
    if answer.end != "complete":
        return AnswerOutcome(answer.end)
    try:
        entries = read_object(answer.content, task.list_name)
    except UnreadableAnswerError:
        return AnswerOutcome("unreadable")
    reading = task.read(entries, asked)
    complete = not reading.refused and not reading.doubtful
    return AnswerOutcome("ok" if complete else "partial" if reading.stored else "unusable", reading)


def answer_limit(task: Task, questions: int, entry: ModelEntry) -> int:
    """The token limit of an answer about this many questions, including billed thinking."""
    needed = ANSWER_TOKENS_FRAME + ANSWER_TOKENS_A_QUESTION * questions
    return min(needed, task.prompt.settings.max_output_tokens) + entry.thinking_tokens
