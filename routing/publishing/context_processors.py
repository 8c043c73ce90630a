"""What every page's top bar shows of the published table."""

from __future__ import annotations

from functools import cache

from django.http import HttpRequest

from routing.models import Publication


def live_table(request: HttpRequest) -> dict[str, int | None]:
    """`live_version`: the newest version's number, or None. One query a request, and only when a template asks."""

    @cache
    def newest() -> int | None:
        return Publication.objects.values_list("newest", flat=True).first() or None

    return {"live_version": newest}  # type: ignore[dict-item]  # templates call it
