"""The supervisor alone, with parts of three lines each."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import pytest

from arena.machine.supervisor import Part, Patience, Supervisor
from tests.processes import all_gone, wait_until

IMPATIENT = Patience(first_s=0.01, most_s=0.02, deaths=3)
SLEEPS = "import time; print('here', flush=True); time.sleep(600)"


def part(name: str, program: str, **options: object) -> Part:
    return Part(name, [sys.executable, "-ISc", program], **options)  # type: ignore[arg-type]


class Lines(list[tuple[str, str]]):
    def __call__(self, name: str, line: str) -> None:
        self.append((name, line))

    def of(self, name: str) -> list[str]:
        return [line for said_by, line in self if said_by == name]


def run(
    parts: list[Part], when: Callable[[Lines], Awaitable[None]], patience: Patience = IMPATIENT
) -> tuple[int, Lines]:
    """Runs `parts` until `when` has returned, then stops them as Ctrl-C does."""
    lines = Lines()

    async def ready() -> bool:
        return True

    async def announce() -> None:
        await when(lines)
        os.kill(os.getpid(), signal.SIGINT)

    async def main() -> int:
        return await asyncio.wait_for(Supervisor(lines, IMPATIENT).run(parts, [], ready, announce), 60)

    return asyncio.run(main()), lines


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_lines_of_all_parts_make_one_log_under_their_names() -> None:
    program = (
        "import sys; print('out'); print('err', file=sys.stderr); sys.stdout.flush(); import time; time.sleep(600)"
    )
    status, lines = run([part("one", program)], lambda lines: until(lambda: len(lines.of("one")) == 2))
    assert status == 0
    assert sorted(lines.of("one")) == ["err", "out"]


def test_a_part_that_dies_starts_again_and_the_log_says_how_it_died() -> None:
    status, lines = run(
        [part("one", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")],
        lambda lines: until(lambda: len(lines.of("one")) >= 2),
    )
    assert status == 0
    assert lines.of("one")[0] == "ended with signal SIGKILL; starts again in 0.0 s"


def test_a_vital_part_that_keeps_dying_ends_everything_with_status_one() -> None:
    async def for_ever(lines: Lines) -> None:
        await asyncio.Event().wait()

    status, lines = run([part("bad", "raise SystemExit(3)"), part("good", SLEEPS)], for_ever)
    assert status == 1
    assert lines.of("bad")[:1] == ["ended with exit code 3; starts again in 0.0 s"]
    assert "given up" in lines.of("bad")[-1]


def test_another_part_that_keeps_dying_is_left_down_and_the_rest_goes_on() -> None:
    status, lines = run(
        [part("bad", "raise SystemExit(3)", vital=False), part("good", SLEEPS)],
        lambda lines: until(lambda: any("given up" in line for line in lines.of("bad"))),
    )
    assert status == 0
    assert lines.of("good") == ["here"]


def test_a_command_that_does_not_exist_is_a_death_too() -> None:
    async def for_ever(lines: Lines) -> None:
        await asyncio.Event().wait()

    status, lines = run([Part("none", ["/nowhere/at/all"])], for_ever)
    assert status == 1
    assert "No such file" in lines.of("none")[0]


def test_what_a_part_leaves_behind_dies_with_its_group() -> None:
    program = (
        "import subprocess, sys, os, signal; "
        "child = subprocess.Popen([sys.executable, '-ISc', 'import time; time.sleep(600)']); "
        "print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    _, lines = run([part("one", program)], lambda lines: until(lambda: len(lines.of("one")) >= 2))
    orphans = [int(line) for line in lines.of("one") if line.isdecimal()]
    assert orphans
    wait_until(lambda: all_gone(orphans), "they are gone")


def test_the_last_part_is_stopped_when_the_others_have_gone() -> None:
    says_goodbye = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'bye\\n'), sys.exit()))\n"
        "os.write(1, b'here\\n')\n"
        "time.sleep(600)"
    )
    parts = [part("broker", says_goodbye, last=True), part("worker", says_goodbye)]
    _, lines = run(parts, lambda lines: until(lambda: lines.of("broker") and lines.of("worker")))
    assert [name for name, line in lines if line == "bye"] == ["worker", "broker"]


def test_a_part_deaf_to_its_end_is_killed_after_its_grace() -> None:
    deaf = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('here', flush=True)\ntime.sleep(600)"
    )
    status, _ = run(
        [part("deaf", deaf, grace_s=0.1)],
        lambda lines: until(lambda: lines.of("deaf")),
    )
    assert status == 0


@pytest.mark.parametrize(("deaths", "pause"), [(1, 0.3), (2, 0.6), (6, 9.6), (7, 15.0), (50, 15.0)])
def test_pauses_double_up_to_a_limit(deaths: int, pause: float) -> None:
    assert Patience().pause_s(deaths) == pytest.approx(pause)
