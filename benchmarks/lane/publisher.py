"""Several publishers in one process: each has a category of its own and gives it another default again and again.

    python -m benchmarks.lane.publisher FIRST PUBLISHERS TIMES

`FIRST` is the number of the first one's category. Says "ready", waits for a line, and at the end prints, as JSON, each
version it made with the moment (`time.monotonic()`, one clock for all processes of a machine) at which it knew.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()

from django.db import connection  # noqa: E402

from benchmarks.lane.world import category_name  # noqa: E402
from evals.models import Contender  # noqa: E402
from routing.policy.services import PolicyConflictError, current_policy, save_policy  # noqa: E402
from routing.publishing.publisher import publish  # noqa: E402

__all__ = ["Made", "publisher"]

Made = tuple[int, float]


def publisher(category: str, defaults: list[str]) -> list[Made]:
    """Sends `category` to each of `defaults` in turn, beside all others who edit the same policy."""
    made = []
    try:
        for contender in defaults:
            _prefer(category, contender)
            result = publish(actor=category, reason=f"{category} to {contender}.")
            # Else another publisher was faster and took this change along.
            if result.published and result.version is not None:
                made.append((result.version, time.monotonic()))
    finally:
        connection.close()
    return made


def _prefer(category: str, contender: str) -> None:
    """A new policy on top of the newest, however many others are saved meanwhile."""
    while True:
        stored, policy = current_policy()
        rules = dict(policy.document["categories"])
        rules[category] = dict(rules.get(category, {})) | {"default": contender}
        document = dict(policy.document) | {"categories": rules}
        try:
            save_policy(document=document, reason=f"{category} to {contender}.", by=category, base=stored.version)
        except PolicyConflictError:
            continue
        return


def main(first: int, publishers: int, times: int) -> None:
    both = list(Contender.objects.order_by("slug").values_list("slug", flat=True)[:2])
    defaults = list(islice(cycle(both), times))
    connection.close()
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(publishers) as pool:
        names = [category_name(n) for n in range(first, first + publishers)]
        made = [one for some in pool.map(publisher, names, [defaults] * publishers) for one in some]
    print(json.dumps(made))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
