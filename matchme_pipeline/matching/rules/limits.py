"""The limits of matching that an operator may set; everything else that decides is in the rules themselves."""

from dataclasses import dataclass

from matchme_pipeline.settings import Settings, process_settings


@dataclass(frozen=True)
class Limits:
    """Who is active enough, how many reports are too many, and for how long nobody meets the same person again."""

    # Members who have not opened the app for so long would leave a match unanswered.
    active_within_days: int = 60
    # Reports by other members: from here on a human looks first.
    report_threshold: int = 5
    # Half a year.
    no_repeat_weeks: int = 26


USUAL = Limits()


def limits_of(settings: Settings) -> Limits:
    """The limits that `settings` name, the usual ones where they name none."""
    return Limits(
        settings.active_within_days or USUAL.active_within_days,
        settings.report_threshold or USUAL.report_threshold,
        settings.no_repeat_weeks or USUAL.no_repeat_weeks,
    )


def process_limits() -> Limits:
    """The limits of this process."""
    return limits_of(process_settings())
