"""The same table as one would serve it without a lane: a REST framework view, one query, no middleware."""

from __future__ import annotations

import json
import os
from typing import Any

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = []
django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from routing.models import RoutingTable  # noqa: E402


class Latest(APIView):
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get(self, request: Request) -> Response:
        return Response(json.loads(bytes(RoutingTable.objects.order_by("-version").first().body)))


urlpatterns = [path("api/v1/routing/latest", Latest.as_view())]
application = WSGIHandler()
