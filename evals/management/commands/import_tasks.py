from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.ui.wording import count
from evals.management.importing import ImportCommand
from evals.transfer.files.errors import BadRowsError, Problems, UnreadableError
from evals.transfer.files.layout import ERROR_COLUMN, Layout
from evals.transfer.files.marking import MOST_MARKED, write_marked
from evals.transfer.files.rows import open_source
from evals.transfer.files.text import Source
from evals.transfer.files.writing import ExportError
from evals.transfer.formats import TASKS
from evals.transfer.images import FilesBeside
from evals.transfer.redaction.names import TooManyNamesError, names_in
from evals.transfer.redaction.redactor import Replacements
from evals.transfer.requests import Redaction, Sample
from evals.transfer.sampling.drawing import DEFAULT_SEED, By, Drawn
from evals.transfer.tasks import TasksImported, import_tasks, task_layout


class Command(ImportCommand):
    formats = TASKS
    help = (
        "Import a task set from a file: CSV, JSONL, Excel, Parquet or a promptfoo configuration. "
        "Fields: id (else the row's number), category, prompt or messages "
        "or turns (a conversation), system, tools, reference, checks, attachments; other fields are kept as metadata. "
        "Images are named by their path below the file's folder, a data: URL, or an http(s) address. MT-bench "
        "questions and OpenAI evals are read as they are. Any bad row, and nothing is written; an unchanged file adds "
        "nothing; a changed one becomes the task set's next version, in which unchanged tasks keep their answers and "
        "votes."
    )
    example = """
examples:
  manage.py import_tasks tasks.csv --task-set support
  manage.py import_tasks question.jsonl --task-set mt-bench --dry-run
  manage.py import_tasks prompts.jsonl --task-set llmfao --map prompt=text --category llmfao
  manage.py import_tasks promptfooconfig.yaml --task-set translation --category translation
  manage.py import_tasks tasks.xlsx --sheet Support --task-set support --errors mended.csv
  manage.py import_tasks spend-logs.json --task-set production --map category=metadata.team --sample 50 \\
      --redact --names names.txt
"""

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_file_arguments(parser)
        parser.add_argument("--task-set", required=True, metavar="SLUG", help="created if it is new")
        parser.add_argument("--name", default="", help="of a new task set; by default its slug")
        parser.add_argument("--category", default="", metavar="NAME", help="for rows without a category")
        parser.add_argument(
            "--local-only",
            action="store_true",
            help="never send these tasks to a hosted provider; cannot be undone",
        )
        parser.add_argument(
            "--sample",
            type=int,
            metavar="N",
            help="draw N tasks evenly over categories and lengths, without near-duplicates",
        )
        parser.add_argument(
            "--sample-by",
            choices=[one.value for one in By],
            default=By.EVEN,
            help="share: as often as the file has them",
        )
        parser.add_argument(
            "--seed", type=int, default=DEFAULT_SEED, metavar="N", help="another seed draws another sample"
        )
        parser.add_argument(
            "--redact",
            action="store_true",
            help="replace addresses, numbers, keys and names by placeholders; shows what it would replace, and writes "
            "only with --yes",
        )
        parser.add_argument("--names", metavar="FILE", help="names to replace with --redact, one a line")
        parser.add_argument("--yes", action="store_true", help="write, with these replacements")

        parser.add_argument("--sheet", default="", metavar="NAME", help="of a workbook; by default the first")
        parser.add_argument(
            "--errors",
            metavar="FILE",
            help="if rows are wrong, write all rows to FILE (.csv or .jsonl) with the reasons beside them, to be "
            "mended and imported",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        columns = self.columns(options)
        redaction = self._redaction(options)
        problems = Problems(shown=MOST_MARKED) if options["errors"] else Problems()
        beside = FilesBeside(Path(options["file"]).parent)
        with self.refusals(), open_source(options["file"]) as source:
            try:
                done = import_tasks(
                    source=source,
                    task_set=options["task_set"],
                    category=options["category"],
                    file_format=options["format"],
                    sheet=options["sheet"],
                    columns=columns,
                    local_only=options["local_only"] or None,
                    name=options["name"],
                    image_files=beside,
                    problems=problems,
                    sample=self._sample(options),
                    redaction=redaction,
                    dry_run=options["dry_run"],
                )
            except BadRowsError as refused:
                if not options["errors"]:
                    raise
                layout = task_layout(
                    file_format=options["format"], sheet=options["sheet"], columns=columns, beside=beside.read
                )
                marked = self._write_errors(Path(options["errors"]), source, layout, refused)
                raise UnreadableError(marked) from None
        self._tell_done(done, options)

    def _write_errors(self, path: Path, source: Source, layout: Layout, refused: BadRowsError) -> str:
        try:
            marked = write_marked(path, source, layout, refused)
        except ExportError as error:
            raise UnreadableError(str(error)) from error
        first = "\n".join(map(str, refused.errors[:10]))
        return (
            f"{first}\n{count(marked, 'row is', 'rows are')} wrong. {path} has all rows, with the reasons in "
            f"the column {ERROR_COLUMN}: mend them and import it."
        )

    def _tell_done(self, done: TasksImported, options: dict[str, Any]) -> None:
        lines = [*done.notices]
        if done.drawn:
            lines += _sample_lines(done.drawn, options["seed"])
        if done.replacements:
            lines += _replacement_lines(done.replacements)
        lines += [f"{category}: {count(n, 'task')}" for category, n in done.by_category.items()]
        if done.ids > done.tasks_new + done.tasks_kept:
            lines.append(f"{count(done.ids, 'id')}, of which some have equal content and are one task.")
        state = "unchanged, no new version" if done.unchanged else f"version {done.version}"
        lines.append(
            f"Task set {done.task_set}: {state}. {count(done.ids, 'row')}, {count(done.tasks_new, 'new task')}, "
            f"{done.tasks_kept:,} known before, {done.with_checks:,} with checks"
            f"{f', {done.with_images:,} with images' if done.with_images else ''}."
        )
        self.tell(lines, dry_run=done.dry_run and not done.unconfirmed)
        if done.unconfirmed:
            raise CommandError(
                "Nothing was written. Look through what would be replaced, and through the tasks themselves; then run "
                "the same command with --yes."
            )

    def _sample(self, options: dict[str, Any]) -> Sample | None:
        if options["sample"] is None:
            return None
        return Sample(options["sample"], options["seed"], By(options["sample_by"]))

    def _redaction(self, options: dict[str, Any]) -> Redaction | None:
        if not options["redact"]:
            if options["names"] or options["yes"]:
                raise CommandError("--names and --yes go with --redact.")
            return None
        names: list[str] = []
        if options["names"]:
            try:
                names = names_in(Path(options["names"]).read_text("utf-8"))
            except (OSError, UnicodeDecodeError, TooManyNamesError) as error:
                raise CommandError(f"--names {options['names']}: {error}") from None
        return Redaction(tuple(names), confirmed=bool(options["yes"]))


def _sample_lines(drawn: Drawn, seed: int) -> Iterator[str]:
    yield (
        f"Sample of {len(drawn.rows):,} from {count(drawn.seen, 'row')}, {drawn.distinct:,} of them different (seed "
        f"{seed}); {count(drawn.alike, 'near-duplicate')} passed over."
    )
    for name, (every, some) in [*drawn.by_category, *drawn.by_length]:
        yield f"  {name}: {some:,} of {every:,}"


def _replacement_lines(replacements: Replacements) -> Iterator[str]:
    yield (
        f"Replaced in {replacements.tasks_changed:,} of {count(replacements.tasks, 'task')}: "
        f"{count(replacements.places, 'place')}."
    )
    for kind in replacements.kinds:
        yield f"  {kind.title}: {count(kind.values, 'value')} in {count(kind.places, 'place')}"
        for one in kind.examples:
            yield f"    {one.place} {one.line}, {one.where}: …{one.before}[{one.masked}]{one.after}…"
    yield "Rules do not find: " + "; ".join(replacements.missed) + "."
