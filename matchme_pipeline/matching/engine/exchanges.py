"""The moves of the allocation, compiled: everybody one partner, the best pairs first, exchanges while they gain."""

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.engine.lists import NOBODY, Lists, best_free, choose, drop, other
from matchme_pipeline.matching.rules.jit import entry, rule

# Gains below this are rounding, in points of the score.
_LEAST_GAIN = 1e-6
# Every pass over all pairs gains less than the one before; the last ones move a few pairs.
_MOST_PASSES = 30


def allocated(lists: Lists) -> NDArray[np.intp]:
    """Choose, and return the numbers of the chosen pairs, ascending."""
    # Filling the lists gives partners something to spare: who was left without is looked at once more.
    for _ in range(2):
        give_everyone_one(lists)
        fill(lists)
    for _ in range(_MOST_PASSES):
        if exchange(lists) == 0:
            break
    return np.flatnonzero(lists.pairs["chosen"])


@entry
def fill(lists: Lists) -> None:
    """Give the places that two members still share to the best pairs first."""
    for edge in lists.order:
        if (
            not lists.pairs[edge].chosen
            and lists.people[lists.pairs[edge].a].free > 0
            and lists.people[lists.pairs[edge].b].free > 0
        ):
            choose(lists, edge)


@entry
def give_everyone_one(lists: Lists) -> None:
    """One partner for everybody who has none, those with the fewest possibilities first, then by position."""
    members = len(lists.people)
    seen = np.zeros(members, dtype=np.int64)
    links = np.full((members, 3), NOBODY, dtype=np.intp)
    needy = np.empty(members, dtype=np.intp)
    for member in lists.fewest_first:
        if lists.people[member].degree > 0 or lists.people[member].free == 0:
            continue
        edge = best_free(lists, member)
        if edge != NOBODY:
            choose(lists, edge)
        elif not take_a_place(lists, member):
            take_along_a_chain(lists, member, seen, links, needy)


@rule
def take_a_place(lists: Lists, member: int) -> bool:
    """Give `member` the place that costs least: a full partner's pair whose other side keeps another partner."""
    best, taken, given = -np.inf, NOBODY, NOBODY
    for edge in lists.edges[lists.people[member].start : lists.people[member].end]:
        partner = other(lists, edge, member)
        for place in range(lists.people[partner].held):
            weak = lists.picks[partner, place]
            gain = lists.pairs[edge].score - lists.pairs[weak].score
            if lists.people[other(lists, weak, partner)].degree > 1 and (
                gain > best or (gain == best and weak < taken)
            ):
                best, taken, given = gain, weak, edge
    if given == NOBODY:
        return False
    drop(lists, taken)
    choose(lists, given)
    return True


@rule
def take_along_a_chain(
    lists: Lists,
    member: int,
    seen: NDArray[np.int64],
    links: NDArray[np.intp],
    needy: NDArray[np.intp],
) -> bool:
    """Give `member` a place where that leaves another without, who takes one elsewhere, and so on; breadth first.

    `seen` holds the number of the search that saw a member; `links[m]` is, for a partner who gives a place, the pair
    that they get and who gets it; for one who loses a place, the pair that they lose.
    """
    search = member + 1
    seen[member] = search
    needy[0], first, last = member, 0, 1
    while first < last:
        asking = needy[first]
        first += 1
        for edge in lists.edges[lists.people[asking].start : lists.people[asking].end]:
            giver = other(lists, edge, asking)
            if seen[giver] == search or lists.pairs[edge].chosen:
                continue
            seen[giver] = search
            links[giver, 0], links[giver, 1] = edge, asking
            spare = NOBODY
            for place in range(lists.people[giver].held):
                pick = lists.picks[giver, place]
                loser = other(lists, pick, giver)
                if lists.people[loser].degree > 1:
                    if spare == NOBODY or lists.pairs[pick].score < lists.pairs[spare].score:
                        spare = pick
                elif seen[loser] != search:
                    seen[loser] = search
                    links[loser, 2] = pick
                    needy[last] = loser
                    last += 1
            if lists.people[giver].free > 0 or spare != NOBODY:
                if lists.people[giver].free == 0:
                    drop(lists, spare)
                follow(lists, giver, member, links)
                return True
    return False


@rule
def follow(lists: Lists, giver: int, member: int, links: NDArray[np.intp]) -> None:
    """Carry out the chain that ends at `giver`, who has a place now, back to `member`."""
    while True:
        edge, asking = links[giver, 0], links[giver, 1]
        if asking == member:
            choose(lists, edge)
            return
        lost = links[asking, 2]
        giver = other(lists, lost, asking)
        drop(lists, lost)
        choose(lists, edge)


@entry
def exchange(lists: Lists) -> int:
    """One pass over all pairs, the best first: choose those for which giving others up pays; how many it chose."""
    members = len(lists.people)
    cost = np.empty(members)
    for member in range(members):
        cost[member] = cheapest(lists, member, NOBODY)[0]
    moves = 0
    touched = np.empty(8, dtype=np.intp)
    for edge in lists.order:
        a, b = lists.pairs[edge].a, lists.pairs[edge].b
        if lists.pairs[edge].chosen or lists.pairs[edge].score <= cost[a] + cost[b] + _LEAST_GAIN:
            continue
        moves += try_exchange(lists, edge, touched, cost)
    return moves


@rule
def cheapest(lists: Lists, member: int, beside: int) -> tuple[float, int]:
    """What a place of `member` costs, and the pair to give up for it; nothing where a place is free.

    The cost is the pair's score less that of the best pair that its other side can have instead. Who would be left
    without anybody gives up nothing; neither does `beside`.
    """
    if lists.people[member].free > 0:
        return 0.0, NOBODY
    best, pick = np.inf, NOBODY
    for place in range(lists.people[member].held):
        edge = lists.picks[member, place]
        loser = other(lists, edge, member)
        if loser == beside:
            continue
        instead = best_free(lists, loser)
        if instead == NOBODY and lists.people[loser].degree <= 1:
            continue
        cost = lists.pairs[edge].score - (lists.pairs[instead].score if instead != NOBODY else 0.0)
        if cost < best or (cost == best and edge < pick):
            best, pick = cost, edge
    return best, pick


@rule
def try_exchange(lists: Lists, edge: int, touched: NDArray[np.intp], cost: NDArray[np.float64]) -> int:
    """Choose `edge` if what it displaces costs less; 1 if it did, 0 if all is as before."""
    a, b = lists.pairs[edge].a, lists.pairs[edge].b
    price_a, lost_a = cheapest(lists, a, b)
    price_b, lost_b = cheapest(lists, b, a)
    cost[a], cost[b] = price_a, price_b
    if lists.pairs[edge].score <= price_a + price_b + _LEAST_GAIN:
        return 0
    gain = lists.pairs[edge].score
    count = 2
    touched[0], touched[1] = a, b
    for lost, side in ((lost_a, a), (lost_b, b)):
        if lost != NOBODY:
            gain -= lists.pairs[lost].score
            drop(lists, lost)
            touched[count] = other(lists, lost, side)
            count += 1
    choose(lists, edge)
    losers = count
    first, second = NOBODY, NOBODY
    alone = False
    for place in range(2, losers):
        loser = touched[place]
        instead = best_free(lists, loser) if lists.people[loser].free > 0 else NOBODY
        if instead == NOBODY:
            alone = alone or lists.people[loser].degree == 0
            continue
        gain += lists.pairs[instead].score
        choose(lists, instead)
        touched[count] = other(lists, instead, loser)
        count += 1
        first, second = instead, first
    if gain <= _LEAST_GAIN or alone:
        for made in (first, second, edge):
            if made != NOBODY:
                drop(lists, made)
        for lost in (lost_a, lost_b):
            if lost != NOBODY:
                choose(lists, lost)
        return 0
    for member in touched[:count]:
        cost[member] = cheapest(lists, member, NOBODY)[0]
    return 1
