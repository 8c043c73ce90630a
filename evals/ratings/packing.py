"""Arrays as text: little-endian bytes in base64, exact and a third of the size of decimal digits."""

from __future__ import annotations

import base64

import numpy as np

from evals.ratings.types import Floats, Ints

__all__ = ["pack_floats", "pack_ints", "pack_symmetric", "unpack_floats", "unpack_ints", "unpack_symmetric"]


def pack_floats(array: Floats) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f8").tobytes()).decode("ascii")


def unpack_floats(text: str) -> Floats:
    return np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64)


def pack_ints(array: Ints) -> str:
    """Counts up to 2³¹."""
    if array.size and int(np.abs(array).max()) >= 2**31:
        raise ValueError("a count of 2^31 or more does not fit the stored form")
    return base64.b64encode(np.ascontiguousarray(array, dtype="<i4").tobytes()).decode("ascii")


def unpack_ints(text: str) -> Ints:
    return np.frombuffer(base64.b64decode(text), dtype="<i4").astype(np.int64)


def pack_symmetric(matrix: Floats) -> str:
    """The upper triangle, row by row."""
    return pack_floats(matrix[np.triu_indices(len(matrix))])


def unpack_symmetric(text: str, size: int) -> Floats:
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size)] = unpack_floats(text)
    return matrix + np.triu(matrix, 1).T
