"""Fills `routing.decisions.evidence` from what evals lets others read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from evals.catalog.cards import ContenderCard
from evals.catalog.queries.categories import CategoryCard, category_cards
from evals.catalog.queries.contenders import contender_cards
from evals.leaderboards.evidence import evidence
from evals.leaderboards.measurements import Evidence
from evals.leaderboards.queries import LeaderboardView, all_latest, newest_ids
from routing.decisions.evidence import Board, CategoryEvidence, DecisionEvidence

__all__ = ["EvidenceCache", "EvidenceSnapshot", "UnmeasuredEvidence", "decision_evidence", "evidence_snapshot"]


@dataclass(frozen=True)
class EvidenceSnapshot:
    """What evals' share of a decision rests on, except for what was measured: two that are equal decide the same."""

    boards: Mapping[str, int]
    contenders: Mapping[str, ContenderCard]
    categories: tuple[CategoryCard, ...]


def evidence_snapshot() -> EvidenceSnapshot:
    """Three small queries, cheap enough for the publisher's lock: no rating is read, nothing is measured."""
    return EvidenceSnapshot(newest_ids(), _contenders(), tuple(category_cards()))


def decision_evidence(measured: EvidenceCache | None) -> DecisionEvidence:
    """Everything publishing looks at. Three queries; measured evidence costs two more for each category whose figures
    are read first, which happens where a limit or an objective asks for them, or once a table is made. With None
    nothing is measured, and each category's `measured` is an `UnmeasuredEvidence`."""
    boards = {board.category: board for board in all_latest()}
    return DecisionEvidence(
        contenders=_contenders(),
        categories=tuple(
            CategoryEvidence(
                slug=card.slug,
                name=card.name,
                speaks_for=card.speaks_for,
                single_reviewer=card.single_reviewer,
                board=_board(boards[card.slug]) if card.slug in boards else None,
                measured=measured.of(card.slug) if measured else UnmeasuredEvidence(),
            )
            for card in category_cards()
        ),
        pooled=measured.of(None) if measured else UnmeasuredEvidence(),
    )


def _contenders() -> dict[str, ContenderCard]:
    return {card.slug: card for card in contender_cards()}


def _board(board: LeaderboardView) -> Board:
    return Board(
        standings=board.standings,
        digest=board.digest,
        seq=board.seq,
        votes=board.votes,
        reviewers=board.reviewers,
        computed_at=board.computed_at,
        # Public and stored in every table, so written as the contract has it. Reversing the URL would load every view
        # into the chores.
        url=f"/leaderboards/{board.category}/{board.seq}/{board.revision}/",
        revision=board.revision,
    )


class EvidenceCache:
    """What one publisher measures, measured once however many attempts it makes: only the table, the policy and the
    leaderboards move in between. The figures may be older than the publication by that time."""

    def __init__(self) -> None:
        self._categories: dict[str | None, _LazyEvidence] = {}

    def of(self, category: str | None) -> Mapping[str, Evidence]:
        """By contender; None: pooled over all categories."""
        return self._categories.setdefault(category, _LazyEvidence(category))


class _LazyEvidence(Mapping[str, Evidence]):
    """A category's evidence by contender, or the pooled; measured when it is first read."""

    def __init__(self, category: str | None) -> None:
        self._category = category

    @cached_property
    def _by_contender(self) -> dict[str, Evidence]:
        return evidence(self._category)

    def __getitem__(self, slug: str) -> Evidence:
        return self._by_contender[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_contender)

    def __len__(self) -> int:
        return len(self._by_contender)


class UnmeasuredEvidence(Mapping[str, Evidence]):
    """Empty, because nothing is measured now. `was_read` tells whether a decision asked for figures and got none."""

    def __init__(self) -> None:
        self.was_read = False

    def __getitem__(self, slug: str) -> Evidence:
        self.was_read = True
        raise KeyError(slug)

    def __iter__(self) -> Iterator[str]:
        self.was_read = True
        return iter(())

    def __len__(self) -> int:
        return 0
