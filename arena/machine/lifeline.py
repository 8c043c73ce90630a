"""Stops process groups when their supervisor is gone, however it went; a `kill -9` leaves it no time to do so itself.

Run by `arena.machine.supervisor` as a process of its own, on the bare interpreter (4 MB, no site packages). Standard
input carries `+<group>` and `-<group>` lines; its end means that the supervisor has ended. Works where Linux's
parent-death signal does not (macOS), and reaches grandchildren.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_S = 5.0


def alive(groups: set[int]) -> set[int]:
    found = set()
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, 0)
            found.add(group)
    return found


def send(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def main() -> None:
    # A signal meant for the supervisor must not cut the lifeline first.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    send(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while alive(groups) and time.monotonic() < deadline:
        time.sleep(0.1)
    send(alive(groups), signal.SIGKILL)


if __name__ == "__main__":
    main()
