"""The limits of matching that an operator may set; everything else that decides is in the rules themselves."""

from dataclasses import dataclass

from matchme_pipeline.settings import Settings, process_settings


@dataclass(frozen=True)
class Limits:
    """Who is active enough, how many reports are too many, how long a pair is not repeated, what a wish means.

    `active_within_days` days, `report_threshold` reports, `no_repeat_weeks` weeks; `anywhere_km`: a wish for so many
    kilometres or more sets no limit; `strict`: the attributes whose unknown value fails a stated wish;
    `least_score`: a place stays empty rather than filled below so many points, as members see them (None: any will do).
    """

    active_within_days: int
    report_threshold: int
    no_repeat_weeks: int
    anywhere_km: int
    strict: frozenset[str]
    least_score: float | None = None


def limits_of(settings: Settings) -> Limits:
    """The limits that `settings` name."""
    return Limits(
        settings.active_within_days,
        settings.report_threshold,
        settings.no_repeat_weeks,
        settings.anywhere_km,
        settings.strict_unknown,
        settings.least_score,
    )


USUAL = limits_of(Settings())


def process_limits() -> Limits:
    """The limits of this process."""
    return limits_of(process_settings())
