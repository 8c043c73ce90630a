"""Which sample of a contender an answer becomes."""

from __future__ import annotations

__all__ = ["Samples"]


class Samples:
    """The samples of one contender for one task: those stored, and those this import adds.

    An answer that is there already is found again, so the same file twice adds nothing. A further, different one
    takes the number it asks for or, if that is taken, the next free one: ids whose tasks have equal content are
    one task, and each of them may bring its own "sample 1".
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._by_key: dict[bytes, list[int]] = {}
        self._claimed: set[int] = set()

    def store(self, sample: int, key: bytes | None) -> None:
        """`key` None: the number is taken, by an answer that is still to come."""
        self._taken.add(sample)
        if key is not None:
            self._by_key.setdefault(key, []).append(sample)

    def has(self, key: bytes) -> bool:
        return key in self._by_key

    def place(self, key: bytes, wanted: int | None) -> int | None:
        """The number for a new answer; None if the answer is there."""
        there = self._by_key.get(key, [])
        if wanted is None and there:
            self._claimed.add(there[0])
            return None
        if wanted in there:
            self._claimed.add(wanted)
            return None
        if wanted in self._taken:
            # It may have been moved to another number when the file was first imported.
            moved = next((sample for sample in there if sample not in self._claimed), None)
            if moved is not None:
                self._claimed.add(moved)
                return None
        sample = wanted if wanted is not None and wanted not in self._taken else self._next()
        self.store(sample, key)
        self._claimed.add(sample)
        return sample

    def _next(self) -> int:
        return max(self._taken, default=0) + 1
