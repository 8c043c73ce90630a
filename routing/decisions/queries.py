"""Fills `routing.decisions.evidence` from what evals lets others read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from evals.catalog.queries.categories import CategoryCard, category_cards
from evals.catalog.queries.contenders import ContenderCard, contender_cards
from evals.leaderboards.evidence import Evidence, evidence
from evals.leaderboards.queries import LeaderboardView, all_latest, newest_ids
from routing.decisions.evidence import Board, CategoryEvidence, DecisionEvidence, Measured, Model, Spread

__all__ = ["EvidenceSnapshot", "Measurements", "Unread", "evidence_snapshot", "gather"]


@dataclass(frozen=True)
class EvidenceSnapshot:
    """What evals' share of a decision rests on, but for the evidence: two that are equal decide the same."""

    boards: Mapping[str, int]
    models: Mapping[str, Model]
    categories: tuple[CategoryCard, ...]


def evidence_snapshot() -> EvidenceSnapshot:
    """Three small queries, cheap enough for the publisher's lock: no rating is read, nothing is measured."""
    return EvidenceSnapshot(newest_ids(), _models(), tuple(category_cards()))


def gather(*, measurements: Measurements | None) -> DecisionEvidence:
    """Everything publishing looks at. Three queries; evidence costs two more for each category whose figures are read
    first, which happens where a limit or an objective asks for them, or once a table is made. Without `measurements`
    none is read, and each category's `measured` is an `Unread`."""
    boards = {board.category: board for board in all_latest()}
    return DecisionEvidence(
        models=_models(),
        categories=tuple(
            CategoryEvidence(
                slug=card.slug,
                name=card.name,
                speaks_for=card.speaks_for,
                single_reviewer=card.single_reviewer,
                board=_board(boards[card.slug]) if card.slug in boards else None,
                measured=measurements.of(card.slug) if measurements else Unread(),
            )
            for card in category_cards()
        ),
        pooled=measurements.of(None) if measurements else Unread(),
    )


def _models() -> dict[str, Model]:
    return {card.slug: _model(card) for card in contender_cards()}


def _model(card: ContenderCard) -> Model:
    return Model(
        slug=card.slug,
        provider=card.provider,
        model_name=card.model_name,
        base_url=card.base_url,
        settings=card.settings,
        locality=card.locality,
        tier=card.tier,
        capabilities=tuple(card.capabilities),
        context_tokens=card.context_tokens,
        usd_input=_float(card.usd_per_mtok_input),
        usd_output=_float(card.usd_per_mtok_output),
        retired=card.retired,
    )


def _float(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


def _board(board: LeaderboardView) -> Board:
    return Board(
        standings=board.standings,
        digest=board.digest,
        seq=board.seq,
        votes=board.votes,
        reviewers=board.reviewers,
        computed_at=board.computed_at,
        # Public, and stored for ever: as the contract has it. Reversing it would load every view into the chores.
        url=f"/leaderboards/{board.category}/{board.seq}/{board.revision}/",
        revision=board.revision,
    )


class Measurements:
    """The evidence of one publisher, measured once however often it has to look: what moves meanwhile is the table, the
    policy, the leaderboards. That evidence may be older than its publication by these moments."""

    def __init__(self) -> None:
        self._kept: dict[str | None, _CategoryMeasurements] = {}

    def of(self, category: str | None) -> Mapping[str, Measured]:
        """By contender; None: pooled over all categories."""
        return self._kept.setdefault(category, _CategoryMeasurements(category))


class _CategoryMeasurements(Mapping[str, Measured]):
    """A category's evidence by contender, or the pooled; measured when it is first read."""

    def __init__(self, category: str | None) -> None:
        self._category = category

    @cached_property
    def _found(self) -> dict[str, Measured]:
        return {slug: _measured(seen) for slug, seen in evidence(self._category).items()}

    def __getitem__(self, slug: str) -> Measured:
        return self._found[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Unread(Mapping[str, Measured]):
    """Evidence that is not measured now; `asked` tells whether anybody wanted to know, and so was answered nothing."""

    def __init__(self) -> None:
        self.asked = False

    def __getitem__(self, slug: str) -> Measured:
        self.asked = True
        raise KeyError(slug)

    def __iter__(self) -> Iterator[str]:
        self.asked = True
        return iter(())

    def __len__(self) -> int:
        return 0


def _measured(seen: Evidence) -> Measured:
    return Measured(
        n=seen.n,
        success_rate=seen.success_rate,
        success_basis=seen.success_basis,
        schema_ok_rate=seen.schema_ok_rate,
        error_rate=seen.error_rate,
        refusal_rate=seen.refusal_rate,
        ttft_ms=Spread(seen.ttft_ms.p50, seen.ttft_ms.p95, seen.ttft_ms.n),
        latency_ms=Spread(seen.latency_ms.p50, seen.latency_ms.p95, seen.latency_ms.n),
        usd_per_success=seen.usd_per_success,
        tokens_per_second=seen.tokens_per_second,
    )
