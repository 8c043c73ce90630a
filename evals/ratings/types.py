"""Type aliases of the maths."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

# A contender, reviewer or task by the caller's key: a slug or an id. One kind within one tally.
Key: TypeAlias = str | int
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

__all__ = ["Floats", "Ints", "Key"]
