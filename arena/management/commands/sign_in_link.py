"""Print a link that signs one person in, once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from arena import env
from arena.accounts.services import create_sign_in_link, link_lifetime, link_path, save_person
from arena.commands import ExampleCommand
from arena.machine.parts import running_url, writable_url
from arena.models import Role


class Command(ExampleCommand):
    help = "Prints a link that signs USER in once, alone on the last line. A new user is added."
    example = """
example:
  manage.py sign_in_link mara --role reviewer --base-url https://arena.example
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", help="the name they sign in as")
        parser.add_argument(
            "--role", choices=Role.values, help="a new user's role is viewer without it; a known user keeps theirs"
        )
        parser.add_argument(
            "--base-url", default="", help="where people reach Arena (default: where it runs on this machine)"
        )

    def handle(self, *, user: str, role: str | None, base_url: str, **_: Any) -> None:
        try:
            UnicodeUsernameValidator()(user)
        except ValidationError as error:
            raise CommandError(f"{user!r} is not a name: use letters, digits and @ . + - _ only.") from error
        if len(user) > 150:
            raise CommandError(f"{user[:20]}… is longer than 150 characters.")
        person, created = save_person(username=user, role=Role(role) if role else None)
        if not person.is_active:
            raise CommandError(f"{user} is deactivated. An admin activates them on the People page.")
        path = link_path(create_sign_in_link(user=person))
        what = "Added" if created else "Known"
        minutes = int(link_lifetime(person).total_seconds() // 60)
        self.stdout.write(
            f"{what}: {person.username}, role {person.role}. The link works once, within {minutes} minutes:"
        )
        self.stdout.write(f"{base_url.rstrip('/') or _default_base_url()}{path}")


def _default_base_url() -> str:
    """Where the running installation listens, else where `make run` would."""
    return running_url(settings.VAR_DIR) or writable_url(
        env.text("HOST", "127.0.0.1"), env.integer("PORT", default=8000)
    )
