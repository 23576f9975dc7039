"""Matchable members without an eligible partner, and the filter that excludes most others."""

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.eligibility import ELIGIBLE, FILTERS, filter_all_pairs
from matchme_pipeline.matching.rules.member_records import records
from matchme_pipeline.matching.rules.members import NO_LIMIT, Members

PLACE_NOT_KNOWN, MET_BEFORE, NOT_EXAMINED = "own_place_not_known", "met_before", "not_looked_at"
# Each of them is compared with all members: this many take about a second at 60,000 members.
MAX_EXAMINED = 2_000
_AT_ONCE = 64


def reasons(members: Members, possibilities: NDArray[np.int64]) -> dict[str, str]:
    """For each member without a possible partner, by id, the filter that removes most members of a suitable gender.

    `gender` if no member has a suitable gender, `met_before` if all suitable members have been met,
    `own_place_not_known` if the member states a distance and has no place. Members after the first MAX_EXAMINED have
    `not_looked_at`.
    """
    alone = np.flatnonzero(possibilities == 0)
    everybody = records(members)
    found: dict[str, str] = {}
    for begin in range(0, min(len(alone), MAX_EXAMINED), _AT_ONCE):
        part = alone[begin : min(begin + _AT_ONCE, MAX_EXAMINED)]
        failed_filters = np.empty((len(part), len(members)), dtype=np.uint8)
        filter_all_pairs(everybody[part], everybody, failed_filters)
        for row, member in enumerate(part.tolist()):
            found[members.user_ids[member]] = _reason(members, member, failed_filters[row])
    return found | {members.user_ids[member]: NOT_EXAMINED for member in alone[MAX_EXAMINED:].tolist()}


def _reason(members: Members, member: int, failed_filters: NDArray[np.uint8]) -> str:
    suits = (members.wants_gender[member] >> members.gender) & (members.wants_gender >> members.gender[member]) & 1
    suits[member] = 0
    counts = np.bincount(failed_filters[suits != 0], minlength=len(FILTERS))
    if not counts.sum():
        return "gender"
    if counts[ELIGIBLE]:
        return MET_BEFORE
    reason = FILTERS[int(counts.argmax())]
    has_reach = members.max_distance[member] < NO_LIMIT
    if reason == "distance" and has_reach and np.isnan(members.lat[member] + members.lng[member]):
        return PLACE_NOT_KNOWN
    return reason
