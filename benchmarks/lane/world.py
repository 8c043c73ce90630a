"""An installation with a published table of 30 KB, which changes when it is told to."""

from __future__ import annotations

from itertools import cycle

from django.core.management import call_command

from arena.machine.demo import is_empty, seed
from arena.models import ApiToken
from evals.models import Category, Contender
from routing.models import RoutingTable
from routing.policy.services import current_policy, save_policy
from routing.publishing import publisher

__all__ = ["World", "category_name"]

# Each is worth about 600 bytes of table.
CATEGORIES = 46


def category_name(n: int) -> str:
    return f"category-{n:02d}"


class World:
    def __init__(self) -> None:
        call_command("migrate", verbosity=0)
        if not is_empty():
            raise SystemExit("This database has data in it. Name an empty one: ARENA_VAR=/some/where, or make bench.")
        seed()
        for n in range(CATEGORIES):
            Category.objects.create(slug=category_name(n), name=f"Category {n}")
        self._defaults = cycle(Contender.objects.order_by("slug").values_list("slug", flat=True)[:2])
        self.publish()
        _, key = ApiToken.objects.create_key(name="bench", scopes=["routing:read"])
        self.authorization = f"Bearer {key}"

    def publish(self) -> int:
        """Another default for every category, and so another version of the table; which one."""
        document = dict(current_policy()[1].document)
        document["every_category"] = dict(document["every_category"]) | {"default": next(self._defaults)}
        save_policy(document=document, reason="A table to serve.", actor=None)
        publisher.publish(actor="bench")
        return RoutingTable.objects.latest("version").version

    @property
    def body(self) -> bytes:
        return bytes(RoutingTable.objects.latest("version").body)
