"""Errors that a person can act on: one sentence that names the value, the place and the remedy."""


class PipelineError(Exception):
    """Base of every error whose message is meant for the operator; the CLI and the API print it without a traceback."""


class UsageError(PipelineError):
    """The options of a command do not go together; the text names those that do."""


class ConfigurationError(PipelineError):
    """A setting, an environment variable or a file is missing or wrong."""


class DatabaseUnavailableError(PipelineError):
    """The database cannot be reached, or lacks what the pipeline needs of it."""


class ModelRequestError(PipelineError):
    """A model provider refused in a way that no retry will change (wrong key, unknown model, exhausted quota)."""


class BudgetExceededError(PipelineError):
    """The next request would pass the week's budget."""


class WeekError(PipelineError, ValueError):
    """A week that is no partition key, or that cannot be materialised yet."""


class BrokenMatchesError(PipelineError):
    """A week's matches break a rule; none of them was published."""


class WeekNotFinishedError(PipelineError):
    """So many of a week's jobs failed that the week does not count as finished; what was published stays."""


class RunDeclinedError(PipelineError):
    """Another run is at work on what this one would work on."""


class InputFileError(PipelineError):
    """The content of an input file is invalid."""


class TouchedMeanwhileError(PipelineError):
    """Members have viewed or acted on matches that a week would change: it has to be computed again, around those."""
