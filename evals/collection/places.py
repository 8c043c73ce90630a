"""The places of a pump's calls at their providers, and what was claimed ahead and waits for one. Needs no database.

The invariant: of what a provider was asked for, never more than it has places (`max_concurrency`) has no result stored.
That is the most that can be lost with the workers, at whatever moment they die, and each loss is recorded. A call takes
its place before it begins and keeps it until its result is stored, not only until it has ended. A conversation is one
call.

Places are given out and counted in the database, across all workers: a generation holds one while it is `running` and
not `ahead` (`claiming`). Here they are followed for one pump: the calls `held` are those whose rows say so, no more and
no fewer. A place passes from one call to the next in the transaction that stores the result of the first
(`hand_over`), and the next begins once that is committed. The pump alone keeps to this order; what makes the calls
knows nothing of places.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from evals.collection.calls import Call
from evals.collection.storing import PAUSING, CallFailure, Claim, Result

__all__ = ["Places"]

# Claimed ahead for each place, and how few of them are left when more are claimed.
_AHEAD, _FEW = 3, 2


class Places:
    def __init__(self) -> None:
        self._held: dict[int, Call] = {}
        self._held_at: Counter[int] = Counter()
        self._waiting: defaultdict[int, dict[int, Call]] = defaultdict(dict)
        self._pausing: set[int] = set()

    @property
    def held(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def busy(self) -> bool:
        return bool(self._held or self.waiting)

    def claims_held(self) -> list[Claim]:
        return [call.claim for call in self._held.values()]

    def claims_waiting(self) -> list[Claim]:
        return [call.claim for calls in self._waiting.values() for call in calls.values()]

    def room_ahead(self) -> dict[int, int]:
        """How many to claim ahead, by provider: for those that have few left."""
        return {
            provider: _AHEAD * held - len(self._waiting[provider])
            for provider, held in self._held_at.items()
            if len(self._waiting[provider]) < _FEW * held and provider not in self._pausing
        }

    def enter(self, calls: Sequence[Call]) -> None:
        """Those claimed ahead wait; the others hold their places from now on, as their rows do."""
        for call in calls:
            if call.claim.ahead:
                self._waiting[call.provider_id][call.claim.generation_id] = call
            else:
                self._hold(call)

    def successors(self, results: Sequence[Result]) -> list[Call]:
        """Who is to have the places that these results free, once they are stored. Nobody has at a provider that
        pauses."""
        ended = [(call, one) for one in results if (call := self._held.get(one.claim.generation_id)) is not None]
        self._pausing |= {call.provider_id for call, result in ended if _pauses(result)}
        freed = Counter(call.provider_id for call, _ in ended)
        return [
            call
            for provider, places in freed.items()
            if provider not in self._pausing
            for call in list(self._waiting[provider].values())[:places]
        ]

    def pass_on(self, results: Sequence[Result], successors: Sequence[Call], holding: Collection[int]) -> list[Call]:
        """What is now so in the database: the results are stored, and those of the successors hold places whose
        generations are named. Those may begin; the others belong to another worker by now."""
        for result in results:
            call = self._held.pop(result.claim.generation_id, None)
            if call is not None:
                self._held_at[call.provider_id] -= 1
        for call in successors:
            del self._waiting[call.provider_id][call.claim.generation_id]
        begin = [call for call in successors if call.claim.generation_id in holding]
        for call in begin:
            self._hold(call)
        return begin

    def take_back(self, *, only_stuck: bool = False, but: Collection[int] = ()) -> list[Claim]:
        """Claims ahead that wait no more: all, all `but` some, or those whose provider pauses or has no call here whose
        place they could get."""
        back = [
            call
            for provider, calls in self._waiting.items()
            if not only_stuck or provider in self._pausing or not self._held_at[provider]
            for call in calls.values()
            if call.claim.generation_id not in but
        ]
        for call in back:
            del self._waiting[call.provider_id][call.claim.generation_id]
        self._pausing.clear()
        return [call.claim for call in back]

    def _hold(self, call: Call) -> None:
        self._held[call.claim.generation_id] = call
        self._held_at[call.provider_id] += 1


def _pauses(result: Result) -> bool:
    return isinstance(result.outcome, CallFailure) and result.outcome.error.category in PAUSING
