"""How long a model may take: to its first token, and in total."""

from __future__ import annotations

from arena.net.deadlines import Deadline

__all__ = ["AnswerDeadline"]


class AnswerDeadline(Deadline):
    """Two limits from now on: the first applies until there is a token, the second after it."""

    def __init__(self, *, first_token_s: float, total_s: float) -> None:
        super().__init__(total_s=total_s)
        self.first_token_s = min(first_token_s, total_s)
        self._ends = self.started + self.first_token_s
        self._waits_for_token = True

    def first_token_seen(self) -> None:
        if self._waits_for_token:
            self._waits_for_token = False
            self._ends = self.started + self.total_s

    def words(self) -> str:
        if self._waits_for_token and self.first_token_s < self.total_s:
            return f"no first token in {self.first_token_s:g} s"
        return super().words()
