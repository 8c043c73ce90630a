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
from rest_framework.request import Request
from rest_framework.response import Response

from arena.accounts.tokens import BROWSE, granted_scopes
from arena.api.serializers import Query
from evals.catalog.images.serving import image_addresses, image_response, nth
from evals.models import Task, TaskSet, TaskSetItem, TaskSetVersion
from evals.transfer.files.errors import BadRowsError, RefusedError
from evals.transfer.files.text import Source
from evals.transfer.images import UPLOADED
from evals.transfer.tasks import import_tasks


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


class TaskSetSavedOut(serializers.Serializer[Any]):
    task_set = serializers.CharField()
    version = serializers.IntegerField()
    unchanged = serializers.BooleanField(help_text="The newest version has the same content, so none was created.")
    tasks_new = serializers.IntegerField()
    tasks_kept = serializers.IntegerField(help_text="They keep their generations and votes.")
    notices = serializers.ListField(child=serializers.CharField())


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
                file_format="jsonl",
                local_only=fields["local_only"],
                name=fields["name"],
                image_limits=UPLOADED,
            )
        except BadRowsError as error:
            rows = {str(row.line): [row.reason] for row in error.errors}
            raise serializers.ValidationError({"tasks": rows}) from error
        except RefusedError as error:
            raise serializers.ValidationError({"tasks": [str(error)]}) from error
        return Response(TaskSetSavedOut(saved).data, status=200 if saved.unchanged else 201)


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
