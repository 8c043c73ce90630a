"""Task sets, their versions and the tasks in them."""

from __future__ import annotations

import io
import json
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from arena.accounts.tokens import BROWSE, granted_scopes
from arena.api.defaults import BODY_BYTES, BodyTooLarge
from arena.api.serializers import Body, Query
from evals.catalog.images.serving import image_addresses, image_response, nth
from evals.models import Task, TaskSet, TaskSetItem, TaskSetVersion
from evals.transfer.files.errors import BadRowsError, RefusedError
from evals.transfer.files.text import Source
from evals.transfer.formats import TASKS
from evals.transfer.formats.request_logs import langfuse, litellm, openai, opentelemetry
from evals.transfer.forms import IMAGES_BYTES, TaskSetForm, marked_response
from evals.transfer.images import UPLOADED
from evals.transfer.redaction.names import MOST_NAMES
from evals.transfer.redaction.redactor import Replacements
from evals.transfer.requests import MOST_SAMPLED, Redaction, Sample
from evals.transfer.sampling.drawing import DEFAULT_SEED, By, Drawn
from evals.transfer.tasks import TasksImported, import_tasks


class TaskSetVersionOut(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="SHA-256 of the ordered content.")
    source = serializers.CharField()  # type: ignore[assignment]
    created_at = serializers.DateTimeField()


class TaskSetOut(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    local_only = serializers.BooleanField(help_text="Hosted providers never receive it.")
    created_at = serializers.DateTimeField()
    versions = TaskSetVersionOut(many=True, help_text="Newest first.")


class TaskOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="external_id")
    task = serializers.IntegerField(source="task_id", help_text="Identifies the content: the same in every version.")
    position = serializers.IntegerField()
    category = serializers.CharField(source="task.category.slug")
    messages = serializers.ListField(
        child=serializers.DictField(),
        source="task.messages",
        help_text="In OpenAI's form. An assistant message without content is a gap: there the model answers. Images "
        "are named by the SHA-256 of what is stored: image:sha256:…",
    )
    images = serializers.SerializerMethodField(help_text="Addresses of the images, in the messages' order.")
    tools = serializers.ListField(
        child=serializers.DictField(), source="task.tools", help_text="Functions that are offered, in OpenAI's form."
    )
    reference = serializers.CharField(source="task.reference")
    checks = serializers.ListField(child=serializers.DictField(), source="task.checks")
    metadata = serializers.SerializerMethodField(
        help_text="Needs evals:read, else null: a file may contain answers of other models, with their names."
    )

    def get_images(self, item: TaskSetItem) -> list[str]:
        return image_addresses(self.context["request"], "api:task-image", item.task_id, item.task.images)

    def get_metadata(self, item: TaskSetItem) -> dict[str, Any] | None:
        request: Request = self.context["request"]
        return item.metadata if "evals:read" in granted_scopes(request.auth, request.user) else None


_LOGS = [one.FORMAT.name for one in (openai, litellm, langfuse, opentelemetry)]


class SampleIn(serializers.Serializer[Any]):
    size = serializers.IntegerField(min_value=1, max_value=MOST_SAMPLED)
    seed = serializers.IntegerField(default=DEFAULT_SEED, min_value=0, max_value=2**31 - 1)
    by = serializers.ChoiceField(
        [str(one) for one in By],
        default=str(By.EVEN),
        help_text="even: over categories and lengths; share: as often as the tasks have them.",
    )


class RedactionIn(serializers.Serializer[Any]):
    names = serializers.ListField(
        child=serializers.CharField(max_length=100), default=list, max_length=MOST_NAMES, help_text="Names to replace."
    )
    confirmation = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="The code of the answer that showed these replacements. Without it nothing is written.",
    )


class TaskSetIn(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120, default="", allow_blank=True)
    local_only = serializers.BooleanField(
        allow_null=True, default=None, help_text="Null: unchanged; false for a new task set."
    )
    category = serializers.CharField(default="", allow_blank=True, help_text="For tasks without a category.")
    tasks = serializers.ListField(
        child=serializers.DictField(),
        allow_empty=False,
        max_length=100_000,
        help_text="As in a JSONL file: id, category, and prompt, messages or turns; optional system, tools, reference, "
        "checks, attachments; other fields are kept as metadata. Images are data: URLs, http(s) addresses, which are "
        "fetched once, or references to images that are stored here (image:sha256:…).",
    )
    format = serializers.ChoiceField(
        ["jsonl", *_LOGS], default="jsonl", help_text="What tasks are: of a log, the objects of its lines."
    )
    columns = serializers.DictField(
        child=serializers.CharField(),
        default=dict,
        help_text="Fields that have other names, such as a path into the records of a log: "
        '{"category": "metadata.team"}.',
    )
    sample = SampleIn(allow_null=True, default=None, help_text="Take some of the tasks.")
    redact = RedactionIn(
        allow_null=True, default=None, help_text="Replace what identifies people, and keys, by placeholders."
    )


class DrawnOut(serializers.Serializer[Any]):
    seen = serializers.IntegerField(help_text="Rows that the sample was drawn from.")
    distinct = serializers.IntegerField(help_text="How many of them differ.")
    alike = serializers.IntegerField(help_text="Passed over as near-duplicates.")
    categories = serializers.SerializerMethodField(help_text="Rows of each category, and how many were taken.")
    lengths = serializers.SerializerMethodField(help_text="The same by length.")

    def get_categories(self, drawn: Drawn) -> dict[str, list[int]]:
        return {name: list(counts) for name, counts in drawn.categories.items()}

    def get_lengths(self, drawn: Drawn) -> dict[str, list[int]]:
        return {name: list(counts) for name, counts in drawn.by_length}


class ReplacedExampleOut(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="The row's place in the file.")
    place = serializers.CharField(help_text="What places count.")
    where = serializers.CharField()
    placeholder = serializers.CharField()
    masked = serializers.CharField(help_text="What is replaced, most of it hidden.")
    before = serializers.CharField()
    after = serializers.CharField()


class ReplacedOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    title = serializers.CharField()
    places = serializers.IntegerField()
    values = serializers.IntegerField()
    examples = ReplacedExampleOut(many=True)


class ReplacementsOut(serializers.Serializer[Replacements]):
    tasks = serializers.IntegerField()
    tasks_changed = serializers.IntegerField()
    kinds = ReplacedOut(many=True)
    missed = serializers.ListField(child=serializers.CharField(), help_text="What rules do not find.")


class TaskSetSavedOut(serializers.Serializer[Any]):
    task_set = serializers.CharField()
    version = serializers.IntegerField()
    unchanged = serializers.BooleanField(help_text="The newest version has the same content, so none was created.")
    tasks_new = serializers.IntegerField()
    tasks_kept = serializers.IntegerField(help_text="They keep their generations and votes.")
    notices = serializers.ListField(child=serializers.CharField())
    written = serializers.SerializerMethodField(help_text="False: the replacements have to be confirmed first.")
    drawn = DrawnOut(allow_null=True)
    replacements = ReplacementsOut(allow_null=True)
    confirmation = serializers.CharField(help_text="Of these replacements; empty without any.")

    def get_written(self, done: TasksImported) -> bool:
        return not done.dry_run


class TaskSetList(GenericAPIView[TaskSet]):
    scopes = {"GET": BROWSE, "POST": "evals:write"}
    queryset = TaskSet.objects.prefetch_related("versions")
    serializer_class = TaskSetOut

    @extend_schema(operation_id="task_set_list", summary="Task sets")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(TaskSetOut(page, many=True).data)

    @extend_schema(
        operation_id="task_set_create",
        summary="Add a task set, or its next version",
        request=TaskSetIn,
        responses={200: TaskSetSavedOut, 201: TaskSetSavedOut},
    )
    def post(self, request: Request) -> Response:
        given = TaskSetIn(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        # One row per line, so that the line in an error is the task's place in the list, counted from 1.
        lines = "".join(json.dumps(task) + "\n" for task in fields["tasks"])
        try:
            saved = import_tasks(
                source=Source(io.BytesIO(lines.encode()), "API"),
                task_set=fields["slug"],
                category=fields["category"],
                file_format=fields["format"],
                columns=fields["columns"],
                local_only=fields["local_only"],
                name=fields["name"],
                image_limits=UPLOADED,
                sample=_sample(fields["sample"]),
                redaction=_redaction(fields["redact"]),
            )
        except BadRowsError as error:
            rows = {str(row.line): [row.reason] for row in error.errors}
            raise serializers.ValidationError({"tasks": rows}) from error
        except RefusedError as error:
            raise serializers.ValidationError({"tasks": [str(error)]}) from error
        return Response(TaskSetSavedOut(saved).data, status=200 if saved.unchanged or saved.dry_run else 201)


def _sample(given: dict[str, Any] | None) -> Sample | None:
    return Sample(given["size"], given["seed"], By(given["by"])) if given else None


def _redaction(given: dict[str, Any] | None) -> Redaction | None:
    return Redaction(tuple(given["names"]), given["confirmation"]) if given else None


class TaskSetFileIn(Body):
    """As the page for an upload takes it."""

    slug = serializers.SlugField(max_length=80)
    file = serializers.FileField(
        allow_empty_file=True, help_text=f"One of: {', '.join(one.title for one in TASKS)}. Up to 20 MiB."
    )
    images = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        default=list,
        max_length=100,
        help_text="Files that it names: images, prompts and tests, or a ZIP archive of them.",
    )
    file_format = serializers.ChoiceField(
        choices=["auto", *(one.name for one in TASKS)], default="auto", help_text="auto: found by the content."
    )
    sheet = serializers.CharField(
        max_length=80, default="", allow_blank=True, help_text="Of a workbook; by default the first."
    )
    columns = serializers.CharField(
        default="", allow_blank=True, help_text="One field=column on each line, where the file uses other names."
    )
    name = serializers.CharField(max_length=120, default="", allow_blank=True)
    category = serializers.CharField(max_length=120, default="", allow_blank=True, help_text="For rows without one.")
    local_only = serializers.BooleanField(default=False)
    sample = serializers.IntegerField(
        allow_null=True, default=None, min_value=1, max_value=MOST_SAMPLED, help_text="Take so many of the tasks."
    )
    sample_by = serializers.ChoiceField([str(one) for one in By], default=str(By.EVEN))
    seed = serializers.IntegerField(default=DEFAULT_SEED, min_value=0, max_value=2**31 - 1)
    redact = serializers.BooleanField(
        default=False,
        help_text="Replace what identifies people, and keys, by placeholders; shown before it is written.",
    )
    names = serializers.CharField(default="", allow_blank=True, help_text="To replace as well, one on each line.")
    confirmed = serializers.CharField(
        max_length=64,
        default="",
        allow_blank=True,
        help_text="The confirmation of the answer that showed the replacements.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Say what would happen, and write nothing.")


def _by_field(form: TaskSetForm) -> dict[str, list[str]]:
    return {name: [str(one) for one in errors] for name, errors in form.errors.items()}


class _FileView(GenericAPIView[TaskSet]):
    scopes = {"POST": "evals:write"}
    parser_classes = [MultiPartParser]
    serializer_class = TaskSetFileIn
    queryset = TaskSet.objects.none()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Before it is read. What comes with the file has the page's limit.
        if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_BYTES + IMAGES_BYTES:
            raise BodyTooLarge

    def given(self, request: Request) -> tuple[TaskSetForm, dict[str, Any]]:
        read = TaskSetFileIn(data=request.data)
        read.is_valid(raise_exception=True)
        form = TaskSetForm(request.data, request.FILES)
        if not form.is_valid():
            raise serializers.ValidationError(_by_field(form))
        return form, read.validated_data

    def refused(self, form: TaskSetForm) -> serializers.ValidationError:
        if form.errors_by_line is not None and not form.errors:
            rows = {str(row.line): [row.reason] for row in form.errors_by_line.errors}
            return serializers.ValidationError({"file": rows})
        return serializers.ValidationError(_by_field(form))


class TaskSetFile(_FileView):
    @extend_schema(
        operation_id="task_set_import",
        summary="Import a task set, or its next version, from a file",
        request={"multipart/form-data": TaskSetFileIn},
        responses={200: TaskSetSavedOut, 201: TaskSetSavedOut},
    )
    def post(self, request: Request) -> Response:
        form, fields = self.given(request)
        saved = form.read(dry_run=fields["dry_run"])
        if saved is None:
            raise self.refused(form)
        return Response(TaskSetSavedOut(saved).data, status=200 if saved.unchanged or saved.dry_run else 201)


class TaskSetFileErrors(_FileView):
    @extend_schema(
        operation_id="task_set_import_errors",
        summary="A file's rows with what is wrong beside each",
        description="Nothing is written. All rows of the file, CSV or JSONL, with the reasons in the column "
        "arena_error: mended, it can be imported. 204 if no row is wrong.",
        request={"multipart/form-data": TaskSetFileIn},
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, 204: None},
    )
    def post(self, request: Request) -> HttpResponse:
        form, _ = self.given(request)
        if form.read(dry_run=True, mark=True) is not None:
            return Response(status=204)
        if form.marked is None:
            raise self.refused(form)
        return marked_response(*form.marked)


class TaskSetDetail(GenericAPIView[TaskSet]):
    scopes = {"GET": BROWSE}
    queryset = TaskSet.objects.prefetch_related("versions")
    serializer_class = TaskSetOut

    @extend_schema(operation_id="task_set", summary="One task set with its versions")
    def get(self, request: Request, slug: str) -> Response:
        found = self.get_queryset().filter(slug=slug).first()
        if found is None:
            raise Http404
        return Response(TaskSetOut(found).data)


class TaskQuery(Query):
    version = serializers.IntegerField(
        allow_null=True, default=None, min_value=1, max_value=2**31 - 1, help_text="By default the newest."
    )


class TaskList(GenericAPIView[TaskSetItem]):
    scopes = {"GET": BROWSE}
    serializer_class = TaskOut
    queryset = TaskSetItem.objects.select_related("task__category")

    def get_queryset(self) -> QuerySet[TaskSetItem]:
        versions = TaskSetVersion.objects.filter(task_set__slug=self.kwargs["slug"]).order_by("-n")
        n = TaskQuery.of(self.request)["version"]
        version = (versions.filter(n=n) if n is not None else versions).first()
        if version is None:
            raise Http404
        return super().get_queryset().filter(version=version)

    @extend_schema(operation_id="task_list", summary="Tasks of a version", parameters=[TaskQuery])
    def get(self, request: Request, slug: str) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(TaskOut(page, many=True, context={"request": request}).data)


class TaskImage(GenericAPIView[Task]):
    scopes = {"GET": BROWSE}
    queryset = Task.objects.all()

    @extend_schema(
        operation_id="task_image",
        summary="An image of a task",
        responses={(200, "image/png"): OpenApiTypes.BINARY, (200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int, n: int) -> HttpResponse:
        return image_response(nth(Task.objects.filter(pk=pk).values_list("images", flat=True).first(), n))
