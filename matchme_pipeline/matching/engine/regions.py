"""Connected regions of members, and whether they can be split into two sides; compiled.

Union-find over the bipartite double cover: every member has a twin, and a pair joins each member to the other's twin. A
region can be split into two sides if, and only if, no member is joined to their own twin.
"""

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.jit import entry, rule


def regions(
    members: int, a: NDArray[np.intp], b: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.bool_]]:
    """Every member's region, named by its lowest member; the members on that member's side; the odd regions.

    A region is odd if a chain of pairs forms a cycle of odd length, so that it has no two sides; `odd` is indexed by
    region.
    """
    roots = joined(members, a, b)
    own, twin = roots[:members], roots[members:]
    # The root of a set is its lowest node, and original nodes come before all twins.
    region = np.minimum(own, twin)
    odd = np.zeros(members, dtype=bool)
    odd[region[own == twin]] = True
    return region, own == region, odd


@entry
def joined(members: int, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.intp]:
    """The lowest node of each node's set; nodes are the members, then their twins."""
    parents = np.arange(2 * members)
    for pair in range(len(a)):
        unite(parents, a[pair], members + b[pair])
        unite(parents, members + a[pair], b[pair])
    for node in range(2 * members):
        parents[node] = root_of(parents, node)
    return parents


@rule
def unite(parents: NDArray[np.intp], x: int, y: int) -> None:
    """Join the sets of two nodes; the lower root stays."""
    x, y = root_of(parents, x), root_of(parents, y)
    if x < y:
        parents[y] = x
    else:
        parents[x] = y


@rule
def root_of(parents: NDArray[np.intp], node: int) -> int:
    """The root of a node's set, with path halving."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node
