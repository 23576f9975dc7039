"""Errors that a person can act on: one sentence that names the value, the place and the remedy."""


class PipelineError(Exception):
    """Base of errors with a message for the operator; the CLI and the API print the message without a traceback."""


class UsageError(PipelineError):
    """The options of a command are incompatible; the text names valid combinations."""


class ConfigurationError(PipelineError):
    """A setting, an environment variable or a file is missing or wrong."""


class DatabaseUnavailableError(PipelineError):
    """The database cannot be reached, or lacks something that the pipeline needs."""


class ModelRequestError(PipelineError):
    """A model provider refused in a way that no retry will change (wrong key, unknown model, exhausted quota)."""


class BudgetExceededError(PipelineError):
    """The next request would pass the week's budget."""


class WeekError(PipelineError, ValueError):
    """The week is not a valid partition key, or cannot be materialised yet."""


class BrokenMatchesError(PipelineError):
    """A week's matches break a rule, so none of them was published."""


class WeekNotFinishedError(PipelineError):
    """Too many of a week's jobs failed, so the week does not count as finished; published rows stay."""


class RunDeclinedError(PipelineError):
    """Another run is working on the same week or publishing matches."""


class InputFileError(PipelineError):
    """The content of an input file is invalid."""


class TouchedMeanwhileError(PipelineError):
    """Members have viewed or acted on matches that the run would change; the run must compute the week again."""
