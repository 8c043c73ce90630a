"""A day without Arena, away in every way it can be: the last good table stays in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arena_routing import Router
from tests.processes import wait_until
from tests.sdk.arena_double import (
    Arena,
    Behaviour,
    Handler,
    breaks_off,
    drips_its_body,
    drips_its_headers,
    fails,
    half_a_body,
    hangs,
    says_html,
)

MakeRouter = Callable[..., Router]

EVERY = timedelta(minutes=5)


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now.timestamp()


def too_many(handler: Handler) -> None:
    handler.answer(503, b"", {"Retry-After": "120"})


# What happens at each hour; None: killed.
DAY: Mapping[int, Behaviour | None] = {
    **dict.fromkeys(range(24), None),
    **dict.fromkeys((1, 7, 13), fails),
    **dict.fromkeys((2, 8, 14), says_html),
    **dict.fromkeys((3, 9, 15), half_a_body),
    **dict.fromkeys((4, 16), breaks_off),
    **dict.fromkeys((5, 17), too_many),
    6: drips_its_body,
    11: drips_its_headers,
    12: hangs,
}


def test_the_last_good_table_serves_for_24_hours(arena: Arena, make_router: MakeRouter, tmp_path: Path):
    clock = Clock(datetime(2026, 11, 1, tzinfo=UTC))
    arena.publish(7, expires_at="2026-11-03T00:00:00Z")
    router = make_router(clock=clock, timeout=0.2, cache_dir=tmp_path)
    # With so short a timeout, on a busy machine, one poll may not be enough.
    wait_until(lambda: router.refresh() or router.status().table_version, "version 7 is in force")
    good = router.route("code")
    assert (good.table_version, good.stale) == (7, False)

    arena.publish(8, expires_at="2026-11-03T00:00:00Z")  # which no router will see before the end
    for hour, behaviour in DAY.items():
        if behaviour is None:
            arena.kill()
        arena.behave = behaviour
        until = clock.now + timedelta(hours=1)
        while clock.now < until:
            assert not router.refresh()
            assert router.route("code") == good, f"in hour {hour}"
            assert router.status().problem
            clock.now += EVERY
        if hour % 8 == 0:  # a service that starts now gets the table from disk
            assert make_router(clock=clock, timeout=0.2, cache_dir=tmp_path).route("code") == good
        if behaviour is None:
            arena.revive()

    arena.behave = None
    wait_until(router.refresh, "version 8 is in force")
    assert router.route("code").table_version == 8


def test_a_table_expires_even_if_arena_keeps_answering_304(arena: Arena, make_router: MakeRouter):
    clock = Clock(datetime(2026, 11, 1, tzinfo=UTC))
    arena.publish(1, expires_at="2026-11-02T00:00:00Z")
    router = make_router(clock=clock)
    while clock.now < datetime(2026, 11, 2, tzinfo=UTC):
        assert not router.route("code").stale
        assert not router.status().stale
        clock.now += timedelta(hours=1)
        router.refresh()
    assert set(arena.answered[1:]) == {304}
    assert router.status().problem == ""
    assert router.status().stale
    assert router.route("code").stale
    assert router.route("code").model == "big"
