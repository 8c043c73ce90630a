"""Everything on one machine, under one command and one log."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from arena import triggers
from arena.accounts.services import create_sign_in_link, link_lifetime, link_path, save_person
from arena.apps import ensure_schedules
from arena.machine import parts
from arena.machine.demo import PROVIDER, is_empty
from arena.machine.parts import MachineError
from arena.machine.supervisor import Part, Supervisor
from arena.models import Role, User
from evals.models import Provider

MANAGE = settings.BASE_DIR / "manage.py"
VALKEY_PORT = 6399
# On a development start, whom a link is printed for.
PEOPLE = (("admin", Role.ADMIN), ("reviewer", Role.REVIEWER))


class Command(BaseCommand):
    help = (
        "Starts web, workers, chores, a Valkey (when REDIS_URL is unset) and the demo's model, restarts what dies, "
        "and stops all of them on Ctrl-C.\n\nExample: manage.py up --port 8080 --no-demo"
    )
    requires_system_checks = ()  # `migrate` runs them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--port", type=int, default=8000, help="where web listens (8000)")
        parser.add_argument("--host", default="127.0.0.1", help="where web listens (127.0.0.1)")
        parser.add_argument("--no-demo", action="store_true", help="no demo model, nothing seeded")
        parser.add_argument("--workers", type=int, default=1, help="how many Celery workers (1)")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        self.url = parts.writable_url(host, port)
        self.demo = settings.DEBUG and not options["no_demo"]
        try:
            with parts.locked(settings.VAR_DIR, self.url):
                parts.require_free(host, port)
                status = self._up(host, port, options["workers"])
        except MachineError as error:
            raise CommandError(str(error)) from error
        if status:
            raise CommandError("A part kept ending and was given up: see its last lines above.")

    def _up(self, host: str, port: int, workers: int) -> int:
        first = [parts.web(host, port), *self._broker()]
        then = [parts.chores(MANAGE), *map(parts.worker, range(1, workers + 1))]
        if settings.DEBUG:
            os.environ.setdefault("ALLOWED_HOSTS", ",".join(parts.host_names(host)))
        else:
            call_command("collectstatic", interactive=False, verbosity=0)
        _migrate()
        ensure_schedules(using="default")
        if self.demo:
            then += self._demo()
        self._people()
        connections.close_all()
        return asyncio.run(self._supervise(first, then))

    async def _supervise(self, first: list[Part], then: list[Part]) -> int:
        # Made inside the loop that it belongs to.
        return await Supervisor(self._line).run(first, then, self._web_answers, self._announce)

    def _broker(self) -> list[Part]:
        if settings.REDIS_URL:
            return []
        port = parts.port_for(VALKEY_PORT)
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        return [parts.valkey(port)]

    def _demo(self) -> list[Part]:
        """The demo's rows, if the database is empty, and the model they ask; both only where it is installed."""
        os.environ.setdefault("ARENA_ROUTING_READ", "public")
        if parts.model_file() is None:
            self._line("up", "the demo's model is not installed: nothing is seeded (make run installs it)")
            return []
        provider = Provider.objects.filter(slug=PROVIDER).first()
        if provider is not None:
            port = urlsplit(provider.base_url).port or settings.ARENA_DEMO_MODEL_PORT
        else:
            port = parts.port_for(settings.ARENA_DEMO_MODEL_PORT)
        # Collection may reach this port: children read it into their ARENA_OUTBOUND_ALLOW.
        os.environ["ARENA_DEMO_MODEL_PORT"] = str(port)
        if is_empty():
            # In a process of its own, which reads that port in its settings.
            seeding = subprocess.run([sys.executable, str(MANAGE), "demo"], check=False)  # noqa: S603
            if seeding.returncode:
                raise MachineError("The demo could not be seeded: see above. Without it: make run DEMO=0.")
        return [parts.demo_model(port)]

    def _people(self) -> None:
        """An admin and a reviewer for a new development database; production makes its own (`sign_in_link`)."""
        if settings.DEBUG and not User.objects.exists():
            for username, role in PEOPLE:
                save_person(username=username, role=role)

    async def _web_answers(self) -> bool:
        """Waits until web answers anything at all, be it a refusal of the host's name."""
        while not await asyncio.to_thread(_answers, f"{self.url}/healthz"):
            await asyncio.sleep(0.05)
        return True

    async def _announce(self) -> None:
        links = await asyncio.to_thread(self._links) if settings.DEBUG else []
        message = "Sign in by one of these links. Each works once. Later: manage.py sign_in_link NAME"
        if not links:
            message = "Make a sign-in link with: manage.py sign_in_link NAME --role admin"
        lines = ["", f"Arena is at {self.url}", "", message, *links, "", "Ctrl-C stops everything.", ""]
        self.stdout.write("\n".join(f"  {line}".rstrip() for line in lines))
        self.stdout.flush()

    def _links(self) -> list[str]:
        """Fresh on each start: a link works once, and nobody has a password."""
        try:
            known = {(user.username, user.role): user for user in User.objects.filter(is_active=True)}
            tokens = {who: create_sign_in_link(user=known[who]) for who in PEOPLE if who in known}
        finally:
            connections.close_all()  # this thread's own, which would outlive it
        return [
            f"  {who[0]:<9} {self.url}{link_path(token)}  (for {link_lifetime(known[who]).seconds // 60} minutes)"
            for who, token in tokens.items()
        ]

    def _line(self, name: str, line: str) -> None:
        self.stdout.write(f"{name:<7} | {line}")
        self.stdout.flush()


def _migrate() -> None:
    """Only if there is something to do: a look is ten times as fast."""
    executor = MigrationExecutor(connections["default"])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()) or triggers.missing():
        call_command("migrate", interactive=False, verbosity=0)


def _answers(url: str) -> bool:
    try:
        with _opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


# Our own machine is never behind a proxy that the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
