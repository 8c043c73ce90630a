"""Task sets, their versions and the tasks in them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from arena.access.tokens import BROWSE
from evals.api.base import Query
from evals.models import TaskSet, TaskSetItem, TaskSetVersion


class VersionOut(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Over the ordered content.")
    source = serializers.CharField()  # type: ignore[assignment]
    created_at = serializers.DateTimeField()


class TaskSetOut(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    local_only = serializers.BooleanField(help_text="Hosted providers never receive it.")
    created_at = serializers.DateTimeField()
    versions = VersionOut(many=True, help_text="Newest first.")


class TaskOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="external_id")
    task = serializers.IntegerField(source="task_id", help_text="Known by its content: stays over versions.")
    position = serializers.IntegerField()
    category = serializers.CharField(source="task.category.slug")
    messages = serializers.ListField(child=serializers.DictField(), source="task.messages")
    reference = serializers.CharField(source="task.reference")
    checks = serializers.ListField(child=serializers.DictField(), source="task.checks")
    metadata = serializers.DictField()


class TaskSetList(GenericAPIView[TaskSet]):
    scopes = {"GET": BROWSE, "POST": "evals:write"}
    queryset = TaskSet.objects.prefetch_related("versions")
    serializer_class = TaskSetOut

    @extend_schema(operation_id="task_set_list", summary="Task sets")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(TaskSetOut(page, many=True).data)


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
    version = serializers.IntegerField(allow_null=True, default=None, min_value=1, help_text="Without it: the newest.")


class TaskList(GenericAPIView[TaskSetItem]):
    scopes = {"GET": BROWSE}
    serializer_class = TaskOut
    queryset = TaskSetItem.objects.select_related("task__category")

    def get_queryset(self) -> QuerySet[TaskSetItem]:
        versions = TaskSetVersion.objects.filter(task_set__slug=self.kwargs["slug"]).order_by("-n")
        asked = TaskQuery.of(self.request)["version"]
        version = (versions.filter(n=asked) if asked is not None else versions).first()
        if version is None:
            raise Http404
        return super().get_queryset().filter(version=version)

    @extend_schema(operation_id="task_list", summary="Tasks of a version", parameters=[TaskQuery])
    def get(self, request: Request, slug: str) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(TaskOut(page, many=True).data)
