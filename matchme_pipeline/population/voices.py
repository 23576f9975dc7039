"""Voice introductions of seeded members: most transcribed, some pending or failed, some replaced by a newer one."""

from datetime import datetime, timedelta

import numpy as np

from matchme_pipeline.population.ids import row_id
from matchme_pipeline.population.people import Member, Row
from matchme_pipeline.population.posts import Source
from matchme_pipeline.population.random_draws import happens, one, whole
from matchme_pipeline.population.writing import distinct_sentences

_SHARE = 0.6
_TRANSCRIBED_SHARE = 0.9
_REPLACED_SHARE = 0.08
_GREETINGS = (
    "Salaam, a few words about me.",
    "Assalamu alaikum, I never know how to begin these.",
    "Hello, this is my third try at recording this.",
    "Salaam everyone, so, about me.",
)


def voices(
    rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime
) -> tuple[list[Row], list[Source]]:
    """A member's voice introductions, the newest one active, and the sentences of the transcribed ones."""
    if not happens(rng, _SHARE):
        return [], []
    at = max(member.joined_at, start - timedelta(days=40)) + timedelta(seconds=int(rng.uniform(0, 45 * 86_400)))
    moments = [at, at + timedelta(days=9)] if happens(rng, _REPLACED_SHARE) else [at]
    moments = [moment for moment in moments if moment < min(end, member.leaves_at or end)]
    rows: list[Row] = []
    sources: list[Source] = []
    for number, moment in enumerate(moments):
        sentences = distinct_sentences(rng, member.latent, whole(rng, 2, 5))
        done = happens(rng, _TRANSCRIBED_SHARE)
        text = " ".join([one(rng, _GREETINGS), *(s.text for s in sentences)])
        rows.append(
            {
                "id": row_id(seed, "voice", member.index, number),
                "user_id": member.user_id,
                "url": f"https://media.example.com/voice/{member.index}-{number}.webm",
                "storage_path": f"voice/{member.index}-{number}.webm",
                "duration_seconds": whole(rng, 8, 30),
                "file_type": one(rng, ("audio/webm", "audio/webm", "audio/mp3", "audio/wav")),
                "transcription": text if done else None,
                "transcription_confidence": round(float(rng.uniform(0.8, 0.99)), 4) if done else None,
                "processing_status": "completed" if done else one(rng, ("pending", "processing", "failed")),
                "is_active": number == len(moments) - 1,
                "created_at": moment,
                "updated_at": moment,
                "processed_at": moment + timedelta(minutes=2) if done else None,
            }
        )
        if done and rows[-1]["is_active"]:
            sources += [Source(moment, sentence) for sentence in sentences]
    return rows, sources
