"""The limits of matching that an operator may set; all other constants are in the rules."""

from dataclasses import dataclass

from matchme_pipeline.settings import Settings, process_settings


@dataclass(frozen=True)
class Limits:
    """Limits on activity, reports, repeated pairs, distance, unknown values and score.

    `active_within_days` days, `report_threshold` reports, `no_repeat_weeks` weeks; `anywhere_km`: a distance preference
    of this many kilometres or more sets no limit; `strict`: attributes whose unknown value fails a stated preference;
    `least_score`: the lowest score of a match as displayed, in points (None: no minimum);
    `random_share`: the share of places, 0 to 1, whose partner is drawn at random.
    """

    active_within_days: int
    report_threshold: int
    no_repeat_weeks: int
    anywhere_km: int
    strict: frozenset[str]
    least_score: float | None = None
    random_share: float = 0.0


def limits_of(settings: Settings) -> Limits:
    """The limits that `settings` name."""
    return Limits(
        settings.active_within_days,
        settings.report_threshold,
        settings.no_repeat_weeks,
        settings.anywhere_km,
        settings.strict_unknown,
        settings.least_score,
        settings.random_places,
    )


USUAL = limits_of(Settings())


def process_limits() -> Limits:
    """The limits of this process."""
    return limits_of(process_settings())
