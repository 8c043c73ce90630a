"""The page of a failure on a development start, which is what most people run."""

from __future__ import annotations

from typing import Any

from django.views.debug import ExceptionReporter

__all__ = ["ValuelessReporter"]


class ValuelessReporter(ExceptionReporter):
    """Where it failed, without the values it failed on: a reviewer sees this page too, and the variables of a battle
    name who wrote what; nor are the addresses and passwords in our settings theirs to read. The log has the rest."""

    def get_traceback_data(self) -> dict[str, Any]:
        data: dict[str, Any] = super().get_traceback_data()
        for frame in data["frames"]:
            frame["vars"] = []
        return data | {"settings": {}, "request_meta": {}, "filtered_POST_items": []}
