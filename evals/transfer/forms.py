"""Uploads a task set as a file, and edits one of its tasks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.http import content_disposition_header

from evals.models import TaskSet
from evals.transfer.editing import LIMITS
from evals.transfer.files.errors import BadRowsError, Problems, RefusedError, UnreadableError
from evals.transfer.files.layout import Layout
from evals.transfer.files.marking import MOST_MARKED, marked_ending, write_marked
from evals.transfer.files.rows import parse_pairs
from evals.transfer.files.text import Limits, Source
from evals.transfer.formats import TASKS
from evals.transfer.images import UPLOADED, UploadedFiles
from evals.transfer.redaction.names import TooManyNamesError, names_in
from evals.transfer.requests import MOST_SAMPLED, Redaction, Sample
from evals.transfer.sampling.drawing import DEFAULT_SEED, By
from evals.transfer.tasks import TasksImported, import_tasks, task_layout

__all__ = ["IMAGES_BYTES", "UPLOAD_LIMITS", "TaskForm", "TaskSetForm", "marked_response"]

# A page waits for the upload; larger files are for the command.
UPLOAD_LIMITS = Limits(file_bytes=20 * 1024 * 1024, rows=50_000, unpacked_bytes=200 * 1024 * 1024)


IMAGES_BYTES = 100 * 1024 * 1024


class _SeveralFilesInput(forms.FileInput):
    allow_multiple_selected = True


class _ImagesField(forms.FileField):
    """Any number of files, which may be none."""

    widget = _SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        files = [super(_ImagesField, self).clean(one) for one in data or []]
        if sum(file.size or 0 for file in files) > IMAGES_BYTES:
            raise forms.ValidationError(
                f"These files have more than {IMAGES_BYTES >> 20} MiB together. Use manage.py import_tasks."
            )
        return files


def marked_response(name: str, text: str) -> HttpResponse:
    """A file to keep, never one that a browser shows."""
    answer = HttpResponse(text, content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return answer


class TaskSetForm(forms.Form):
    file = forms.FileField(
        allow_empty_file=True,
        help_text="CSV with a header, JSONL, a JSON list, Excel, Parquet, or a configuration of promptfoo or OpenAI "
        "evals, up to 20 MiB. MT-bench questions and samples of OpenAI evals are read as they are.",
        widget=forms.FileInput(attrs={"accept": ",".join(ending for one in TASKS for ending in one.endings)}),
    )
    images = _ImagesField(
        required=False,
        allow_empty_file=True,
        label="Files it names",
        help_text="Images, prompts and tests, or a ZIP archive of them, up to 100 files and 100 MiB.",
        widget=_SeveralFilesInput(
            attrs={
                "accept": "image/png,image/jpeg,image/webp,image/gif,.zip,application/zip,"
                ".txt,.md,.json,.yaml,.yml,.csv,.jsonl"
            }
        ),
    )
    file_format = forms.ChoiceField(
        required=False,
        label="Format",
        choices=[("auto", "Found by its content"), *((one.name, one.title) for one in TASKS)],
    )
    sheet = forms.CharField(
        max_length=80, required=False, help_text="Of a workbook: the name of the sheet. By default the first one."
    )
    slug = forms.SlugField(
        max_length=80,
        label="Short name",
        help_text="Letters, digits, - and _. Part of the address. A task set that exists gets a new version.",
    )
    name = forms.CharField(max_length=120, required=False, help_text="Shown on pages; by default the short name.")
    category = forms.CharField(
        max_length=120, required=False, help_text="For rows without a category. It is created if it does not exist."
    )
    columns = forms.CharField(
        required=False,
        label="Columns",
        help_text="If the file uses other names: one field=column per line, such as prompt=text.",
        widget=forms.Textarea(attrs={"class": "mono", "rows": 2, "spellcheck": "false"}),
    )
    sample = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_SAMPLED,
        label="Sample",
        help_text="Take so many tasks instead of all, without near-duplicates.",
    )
    sample_by = forms.ChoiceField(
        required=False,
        label="Drawn",
        choices=[
            (By.EVEN, "evenly over categories and lengths"),
            (By.SHARE, "as often as the file has them"),
        ],
    )
    seed = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        initial=DEFAULT_SEED,
        label="Seed",
        help_text="The same file and seed give the same sample.",
    )
    redact = forms.BooleanField(
        required=False,
        label="Replace what identifies people, and keys",
        help_text="Addresses, numbers, keys and the names below become placeholders such as [EMAIL_1]. “Check” shows "
        "what would be replaced; nothing is written before you confirm it.",
    )
    names = forms.CharField(
        required=False,
        label="Names",
        help_text="To replace, one a line: of customers, colleagues, products.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    confirmed = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    local_only = forms.BooleanField(
        required=False,
        label="Local only",
        help_text="These tasks are never sent to a hosted provider. This cannot be undone.",
    )

    def __init__(self, data: Any = None, files: Any = None, *, task_set: TaskSet | None = None) -> None:
        super().__init__(data, files)
        self.errors_by_line: BadRowsError | None = None
        self.marked: tuple[str, str] | None = None
        if task_set is not None:
            self.initial = {"slug": task_set.slug, "name": task_set.name, "local_only": task_set.local_only}

    def clean_names(self) -> tuple[str, ...]:
        try:
            return tuple(names_in(self.cleaned_data["names"]))
        except TooManyNamesError as error:
            raise forms.ValidationError(str(error)) from error

    def _sample(self) -> Sample | None:
        data = self.cleaned_data
        if not data["sample"]:
            return None
        seed = DEFAULT_SEED if data["seed"] is None else data["seed"]
        return Sample(data["sample"], seed, By(data["sample_by"] or By.EVEN))

    def _mark(self, source: Source, layout: Layout, refused: BadRowsError) -> None:
        text = io.StringIO(newline="")
        try:
            ending = marked_ending(source, layout)
            write_marked(text, source, layout, refused, ending=ending)
        except RefusedError as error:
            self.add_error("file", str(error))
        else:
            self.marked = (f"{Path(source.name).stem}-errors{ending}", text.getvalue())

    def read(self, *, dry_run: bool, mark: bool = False) -> TasksImported | None:
        """What was (or, in a dry run, would be) imported. None if it was refused: the reason is at its field or, for
        rows, in `errors_by_line`. With `mark`, `marked` is then the name and the text of a file with the reasons."""
        data = self.cleaned_data
        uploaded = data["file"]
        try:
            columns = parse_pairs("Columns:", filter(str.strip, data["columns"].splitlines()))
        except UnreadableError as error:
            self.add_error("columns", str(error))
            return None
        try:
            images = UploadedFiles((str(file.name), cast(BinaryIO, file.file)) for file in data["images"])
        except UnreadableError as error:
            self.add_error("images", str(error))
            return None
        how = {"file_format": data["file_format"] or "auto", "sheet": data["sheet"], "columns": columns}
        source = Source(cast(BinaryIO, uploaded.file), uploaded.name)
        try:
            return import_tasks(
                source=source,
                task_set=data["slug"],
                category=data["category"],
                local_only=data["local_only"] or None,
                name=data["name"],
                limits=UPLOAD_LIMITS,
                image_files=images,
                image_limits=UPLOADED,
                problems=Problems(shown=MOST_MARKED) if mark else None,
                sample=self._sample(),
                redaction=Redaction(data["names"], data["confirmed"]) if data["redact"] else None,
                dry_run=dry_run,
                **how,
            )
        except BadRowsError as error:
            self.errors_by_line = error
            if mark:
                self._mark(source, task_layout(limits=UPLOAD_LIMITS, beside=images.read, **how), error)
                # The page shows as many as ever.
                del error.errors[Problems.shown :]
        except RefusedError as error:
            self.add_error("file", str(error))
        return None


# One task


def _text(label: str, rows: int, help_text: str = "", *, code: bool = False) -> forms.CharField:
    attrs: dict[str, Any] = {"rows": rows} | ({"class": "mono", "spellcheck": "false"} if code else {})
    return forms.CharField(
        required=False,
        strip=False,
        max_length=LIMITS.field_chars,
        label=label,
        help_text=help_text,
        widget=forms.Textarea(attrs=attrs),
    )


class TaskForm(forms.Form):
    """Fields as `evals.transfer.editing.written_fields` gives them. What they hold is checked where it is read."""

    category = forms.CharField(max_length=120, help_text="It is created if it does not exist.")
    system = _text("System", 3, "What the model is told before the prompt.")
    prompt = _text("Prompt", 10)
    messages = _text(
        "Messages", 6, "Instead of system and prompt: a conversation, as a list of role and content.", code=True
    )
    attachments = _text("Attachments", 2, "Images and texts that follow the prompt, as a list.", code=True)
    reference = _text("Reference", 4, "A right answer, for checks and reviewers.")
    checks = _text("Checks", 5, "A list in YAML or JSON, such as - type: not_refusal", code=True)
    tools = _text("Tools", 3, "Functions that are offered, in OpenAI’s form.", code=True)
    metadata = _text("Metadata", 3, "Names with values, kept beside the task.", code=True)
