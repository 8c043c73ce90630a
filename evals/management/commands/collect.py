"""Ask contenders for answers to a task set."""

from __future__ import annotations

import sys
import threading
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from arena.commands import ExampleCommand
from arena.ui import numbers
from evals.catalog.queries.contenders import asked_by_default
from evals.collection.claiming import work_is_due
from evals.collection.pump import Pump
from evals.collection.queries.estimates import Estimate
from evals.collection.queries.runs import Progress, run_progress, run_view
from evals.collection.run_page import estimate_parts
from evals.collection.services import RunError, estimate, settle, start_run
from evals.collection.wake import wake_workers
from evals.models import Contender, Run, TaskSet, TaskSetVersion

_EXAMPLES = """\
examples:
  manage.py collect --task-set support                       every contender that can be asked, by the workers
  manage.py collect --task-set support --contender gpt-x llama --samples 2 --budget 5 --wait
  manage.py collect --task-set support --estimate            what that would ask, cost and take; starts nothing
  manage.py collect --task-set support --here                in this process, without a worker

A plain run asks only for answers that are missing or failed; --fresh asks for everything again.
"""

_LOOK_EVERY_S = 0.5
_WORKER_MISSED_S = 15.0
_GIVEN_UP_S = 60.0


class Command(ExampleCommand):
    help = "Start a run: ask contenders for answers to a task set."
    example = _EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--task-set", metavar="SLUG", required=True, help="its newest version is used")
        parser.add_argument(
            "--contender",
            metavar="SLUG",
            action="extend",
            nargs="+",
            default=[],
            help="may be repeated; default: the newest revision of each that is not retired and may be asked",
        )
        parser.add_argument(
            "--samples", metavar="N", type=int, default=1, help="answers of each contender to each task"
        )
        parser.add_argument("--budget", metavar="USD", type=_usd, help="pause when this much is spent")
        parser.add_argument(
            "--allow-unknown-costs",
            action="store_true",
            help="with --budget: go on where a cost is not known; the budget counts only what is",
        )
        parser.add_argument(
            "--warm-up",
            metavar="CALLS",
            type=int,
            help="calls to each contender first that are not measured (default: 1 at local providers, 0 at hosted)",
        )
        parser.add_argument(
            "--estimate", "--dry-run", action="store_true", help="only say what the run would ask, cost and take"
        )
        parser.add_argument("--fresh", action="store_true", help="ask again for answers that exist")
        parser.add_argument(
            "--wait", action="store_true", help="show progress; exit non-zero if anything failed for good"
        )
        parser.add_argument(
            "--here", metavar="CALLS", type=int, nargs="?", const=20, help="collect in this process, CALLS at once (20)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        version = self._version(options["task_set"])
        contenders = self._contenders(version, options["contender"])
        wanted = {
            "version": version,
            "contenders": contenders,
            "samples": options["samples"],
            "fresh": options["fresh"],
            "budget_usd": options["budget"],
            "allow_unknown_costs": options["allow_unknown_costs"],
            "warm_up_calls": options["warm_up"],
        }
        if options["estimate"]:
            self._estimate(estimate(**wanted))
            return
        try:
            run = start_run(**wanted)
        except RunError as error:
            raise CommandError(_for_command(error)) from error
        progress = run_progress(run)
        self.stdout.write(
            f"Run {run.pk}: {version}, {len(contenders)} contenders, {progress.total} generations, "
            f"{progress.linked} of them collected before."
        )
        if options["here"]:
            with _pumping(most=options["here"]):
                self._wait(run, here=True)
        else:
            wake_workers()
            if options["wait"]:
                self._wait(run, here=False)

    def _estimate(self, found: Estimate) -> None:
        wide = max((len(row.slug) for row in found.rows), default=0)
        for row in found.rows:
            cost = "cost not known" if row.usd is None else numbers.money(row.usd)
            basis = f" (by {row.basis})" if row.basis and row.calls else ""
            self.stdout.write(f"{row.slug:<{wide}}  {row.calls:,} calls, {row.linked:,} linked, {cost}{basis}")
        for figure in estimate_parts(found).figures:
            self.stdout.write(f"{figure.name}: {figure.value}{f' ({figure.note})' if figure.note else ''}")
        for words in found.warnings:
            self.stdout.write(words)
        if found.problem:
            raise CommandError(f"This run would be refused. {found.problem}")

    def _version(self, slug: str) -> TaskSetVersion:
        version = TaskSetVersion.objects.select_related("task_set").filter(task_set__slug=slug).order_by("-n").first()
        if version is None:
            known = ", ".join(TaskSet.objects.values_list("slug", flat=True)) or "none yet: see import_tasks"
            raise CommandError(f"There is no task set {slug!r}. Known: {known}.")
        return version

    def _contenders(self, version: TaskSetVersion, slugs: Sequence[str]) -> list[Contender]:
        if slugs:
            found = {one.slug: one for one in Contender.objects.filter(slug__in=slugs)}
            unknown = [slug for slug in slugs if slug not in found]
            if unknown:
                known = (
                    ", ".join(Contender.objects.filter(retired_at=None).values_list("slug", flat=True)) or "none yet"
                )
                raise CommandError(f"There is no contender {', '.join(unknown)}. Known: {known}.")
            return list(found.values())
        default = asked_by_default(version)
        if default.kept_out:
            hosted = ", ".join(one.slug for one in default.kept_out)
            self.stderr.write(f"{version.task_set.slug} is local_only; hosted contenders left out: {hosted}.")
        if default.problem:
            raise CommandError(default.problem)
        return list(default.contenders)

    def _wait(self, run: Run, *, here: bool) -> None:
        bar = _Bar(self.stderr, run)
        last_sign, warned, seen = time.monotonic(), False, None
        while True:
            progress = run_progress(run)
            bar.show(progress)
            if not progress.left:
                settle(run=run)
            run.refresh_from_db()
            if run.state != Run.State.COLLECTING:
                break
            now = time.monotonic()
            if progress.in_flight or progress != seen or not work_is_due():
                last_sign, seen = now, progress
            silent = now - last_sign
            if not here and silent > _WORKER_MISSED_S and not warned:
                warned = True
                bar.say("No worker has started on this run. Start one with “manage.py up”, or use --here.")
            if not here and silent > _GIVEN_UP_S:
                raise CommandError(
                    f"No worker in {_GIVEN_UP_S:g} s. Run {run.pk} is kept and continues when one starts."
                )
            time.sleep(_LOOK_EVERY_S)
        bar.end()
        self._report(run)

    def _report(self, run: Run) -> None:
        view = run_view(run)
        for cause in view.causes:
            self.stderr.write(f"{cause.calls} × {cause.label} ({', '.join(cause.contenders)}): {cause.advice}")
            self.stderr.write(f"    {cause.detail}")
        if run.state != Run.State.DONE:
            raise CommandError(f"Run {run.pk} is {run.state}: {run.reason}")
        if view.progress.failed:
            raise CommandError(f"{view.progress.failed} of {view.progress.total} generations failed for good.")
        self.stdout.write(f"Done: {view.progress.done} generations, ${view.spent_usd:,.4f} spent at known prices.")
        if view.unpriced:
            self.stdout.write(f"No price is known for {', '.join(view.unpriced)}.")


class _Bar:
    """Redrawn in place on a terminal; elsewhere prints a line for every tenth."""

    def __init__(self, out: Any, run: Run) -> None:
        self._out = out
        self._live = sys.stderr.isatty()
        self._name = f"run {run.pk}"
        self._shown = -1

    def show(self, progress: Progress) -> None:
        ended = progress.done + progress.failed
        share = ended / progress.total if progress.total else 1.0
        words = f"{self._name}: {ended} of {progress.total}"
        words += f", {progress.in_flight} in flight" if progress.in_flight else ""
        words += f", {progress.retrying} retrying" if progress.retrying else ""
        words += f", {progress.failed} failed" if progress.failed else ""
        if self._live:
            full = round(30 * share)
            self._out.write(f"\r\033[K[{'█' * full}{'░' * (30 - full)}] {words}", ending="")
            self._out.flush()
        elif int(share * 10) > self._shown:
            self._shown = int(share * 10)
            self._out.write(words)

    def say(self, words: str) -> None:
        self._out.write(("\r\033[K" if self._live else "") + words)

    def end(self) -> None:
        if self._live:
            self._out.write("")


@contextmanager
def _pumping(*, most: int) -> Iterator[None]:
    """A pump in a thread of its own, as a worker has one."""
    pump = Pump(most=most)
    thread = threading.Thread(target=_pump, args=(pump,), name="pump", daemon=True)
    thread.start()
    try:
        yield
    finally:
        pump.stop()
        thread.join()


def _pump(pump: Pump) -> None:
    try:
        pump.run()
    finally:
        connections.close_all()


def _for_command(error: RunError) -> str:
    return str(error).replace("or allow unknown costs.", "or give --allow-unknown-costs.")


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ArgumentTypeError(f"{text} is not an amount in dollars")
    return amount
