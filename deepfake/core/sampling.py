"""Evenly spaced indices."""


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """Indices of the middles of `wanted` equal parts of `count` items; all of them if too few.

    >>> evenly_spaced(16, 4)
    [2, 6, 10, 14]
    >>> evenly_spaced(3, 8)
    [0, 1, 2]
    """
    if count <= wanted:
        return list(range(count))
    return [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]
