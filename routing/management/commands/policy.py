"""Read, write and check the routing policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from routing.audit import ReasonMissingError
from routing.management.audited import ACTOR
from routing.policy import queries
from routing.policy.parse import PolicyError, default_document, parse
from routing.policy.references import notices
from routing.policy.services import PolicyConflictError, save_policy
from routing.policy.text import Form, PolicyTextError, read_text, write_text
from routing.publishing import publisher
from routing.publishing.summaries import address_notice, publication_notice


class Command(ExampleCommand):
    help = "Print the policy in force, export one, import one, or say what one would publish."
    example = """
examples:
  manage.py policy                                print the policy in force, as YAML
  manage.py policy --export policy.yaml           write it to a file, JSON or YAML by its suffix
  manage.py policy --check policy.yaml            say what a file would publish now, and store nothing
  manage.py policy --import policy.yaml --reason "A fast route for code." --base 7
                                                  save it, unless somebody saved another since policy 7
"""

    def add_arguments(self, parser: CommandParser) -> None:
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--export", metavar="FILE", help="write the policy to a .json or .yaml file")
        act.add_argument("--import", metavar="FILE", dest="source", help="save the policy in a file; needs --reason")
        act.add_argument("--check", metavar="FILE", help="say what the policy in a file would publish now")
        parser.add_argument("--policy", type=int, metavar="N", help="print or export this version, not the newest")
        parser.add_argument("--reason", default="", help="stands in the history")
        parser.add_argument("--base", type=int, metavar="N", help="refuse if a version newer than N was saved")
        parser.add_argument("--json", action="store_true", help="print as one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["source"]:
                self._import(options)
            elif options["check"]:
                self._check(options)
            else:
                self._export(options)
        except PolicyError as error:
            lines = "".join(f"\n  {one}" for one in error.errors)
            raise CommandError(f"{options['source'] or options['check']} is not a policy:{lines}") from error

    def _export(self, options: dict[str, Any]) -> None:
        found = queries.policy(options["policy"])
        if found is None and options["policy"] is not None:
            raise CommandError(f"There is no policy {options['policy']}.")
        document = found.document if found else default_document()
        if not options["export"]:
            self.stdout.write(write_text(document, "json" if options["json"] else "yaml"), ending="")
            return
        target = Path(options["export"])
        target.write_text(write_text(document, _form(target)), encoding="utf-8")
        self.stderr.write(f"{'Policy ' + str(found.version) if found else 'The default policy'} written to {target}.")

    def _import(self, options: dict[str, Any]) -> None:
        document = _read(Path(options["source"]))
        before = queries.policy()
        try:
            made = save_policy(document=document, reason=options["reason"], by=ACTOR, base=options["base"])
        except ReasonMissingError as error:
            raise CommandError(f"--reason: {error}") from error
        except PolicyConflictError as error:
            raise CommandError(str(error)) from error
        self._notice(document)
        saved = before is None or made.version != before.version
        if options["json"]:
            self.stdout.write(json.dumps({"saved": saved, "version": made.version, "sha256": made.sha256}))
        elif saved:
            self.stdout.write(f"Policy {made.version} saved. {publication_notice()}")
        else:
            self.stdout.write(f"These are the rules of policy {made.version} already.")

    def _check(self, options: dict[str, Any]) -> None:
        document = _read(Path(options["check"]))
        result = publisher.preview_policy(document=document)
        self._notice(document)
        if result.document and (notice := address_notice(result.document)):
            self.stderr.write(f"Note: {notice}")
        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict(), indent=2, ensure_ascii=False))
            return
        for one in result.decisions:
            self.stdout.write(
                f"{one.category}: {one.decision.outcome} ({one.decision.to or '–'}). {one.decision.reason}"
            )
        if result.frozen:
            self.stdout.write(f"Nothing would be published. {result.frozen}")
        elif result.cause:
            self.stdout.write(f"Version {(result.version or 0) + 1} would be published: {result.cause}.")
        else:
            self.stdout.write("Nothing would be published: no decision would change.")

    def _notice(self, document: Any) -> None:
        for notice in notices(parse(document)):
            self.stderr.write(f"Note: {notice}")


def _read(path: Path) -> Any:
    try:
        return read_text(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not text in UTF-8: byte {error.start + 1:,} cannot be read.") from error
    except PolicyTextError as error:
        raise CommandError(f"{path}: {error}") from error


def _form(path: Path) -> Form:
    match path.suffix.lower():
        case ".json":
            return "json"
        case ".yaml" | ".yml":
            return "yaml"
    raise CommandError(f"{path}: the name ends in .json or .yaml, so that we know how to write it.")
