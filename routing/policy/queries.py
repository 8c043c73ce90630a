"""Policies as pages and the API read them: frozen values, no model instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from routing.models import PolicyVersion

__all__ = ["PolicyView", "policies", "policy"]


@dataclass(frozen=True)
class PolicyView:
    version: int
    document: Mapping[str, Any]
    reason: str
    by: str
    created_at: datetime


def policy(version: int | None = None) -> PolicyView | None:
    """That version, or the newest."""
    found = PolicyVersion.objects.select_related("created_by").order_by("-version")
    stored = (found if version is None else found.filter(version=version)).first()
    return _policy(stored) if stored else None


def policies(*, limit: int = 20, before: int | None = None) -> list[PolicyView]:
    """The newest `limit`, newest first; `before` a version."""
    found = PolicyVersion.objects.select_related("created_by").order_by("-version")
    if before is not None:
        found = found.filter(version__lt=before)
    return [_policy(one) for one in found[:limit]]


def _policy(stored: PolicyVersion) -> PolicyView:
    by = stored.actor or (stored.created_by.name if stored.created_by else "")
    return PolicyView(stored.version, stored.document, stored.reason, by, stored.created_at)
