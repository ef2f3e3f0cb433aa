"""The largest set of pairs in which nothing stands twice (augmenting paths, without recursion)."""

from __future__ import annotations

from collections.abc import Collection


def largest_matching(lefts: int, pairs: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs (left, right) out of those allowed, as many as can be, in the order of the lefts."""
    allowed: list[list[int]] = [[] for _ in range(lefts)]
    for left, right in sorted(pairs):
        allowed[left].append(right)
    taken_by: dict[int, int] = {}
    for left in range(lefts):
        _augment(left, allowed, taken_by)
    return sorted((left, right) for right, left in taken_by.items())


def _augment(start: int, allowed: list[list[int]], taken_by: dict[int, int]) -> None:
    """Breadth first to a free right; then every left on the way moves on to the next right."""
    came_from: dict[int, int] = {}
    held = {left: right for right, left in taken_by.items()}
    waiting = [start]
    for left in waiting:
        for right in allowed[left]:
            if right in came_from:
                continue
            came_from[right] = left
            if right in taken_by:
                waiting.append(taken_by[right])
                continue
            free: int | None = right
            while free is not None:
                mover = came_from[free]
                taken_by[free], free = mover, held.get(mover)
            return
