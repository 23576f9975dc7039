"""SQL of the scale of a week: the centre of the vectors, and mean and deviation of the similarity."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection

if TYPE_CHECKING:
    from matchme_pipeline.matching.rules.compatibility import Calibration


@dataclass(frozen=True)
class Scale:
    """The scale of a week's scores: the centre of the vectors, and mean and deviation of the similarity."""

    centre: NDArray[np.float64]
    mean: float
    deviation: float

    @property
    def calibration(self) -> "Calibration":
        """The reference distribution of similarities."""
        from matchme_pipeline.matching.rules.compatibility import Calibration

        return Calibration(self.mean, self.deviation)


def save_scale(connection: Connection, week: date, model: str, scale: Scale) -> None:
    """Store the scale of a week."""
    connection.execute(
        """
        insert into matching_scales as s (week, model, centre, similarity_mean, similarity_deviation)
        values (%s, %s, %s, %s, %s)
        on conflict (week, model) do update
        set centre = excluded.centre, similarity_mean = excluded.similarity_mean,
            similarity_deviation = excluded.similarity_deviation
        where (s.centre, s.similarity_mean, s.similarity_deviation)
            is distinct from (excluded.centre, excluded.similarity_mean, excluded.similarity_deviation)
        """,
        [week, model, scale.centre.tolist(), scale.mean, scale.deviation],
    )


def scale_of(connection: Connection, week: date, model: str) -> Scale | None:
    """The scale of a week; None if the week has not been matched under `model`."""
    row = connection.execute(
        "select centre, similarity_mean, similarity_deviation from matching_scales where week = %s and model = %s",
        [week, model],
    ).fetchone()
    return Scale(np.array(row[0], dtype=np.float64), row[1], row[2]) if row else None


def newest_scale_week(connection: Connection, model: str) -> date | None:
    """The newest week that has been matched under `model`."""
    row = connection.execute("select max(week) from matching_scales where model = %s", [model]).fetchone()
    return row[0] if row else None


def model_of_matches(connection: Connection, match_week: date) -> str | None:
    """The model by which a week was matched."""
    row = connection.execute(
        """
        select embedding_model from weekly_matches
        where week_start_date = %s and embedding_model is not null
        group by embedding_model
        order by count(*) desc, embedding_model
        limit 1
        """,
        [match_week],
    ).fetchone()
    return row[0] if row else None
