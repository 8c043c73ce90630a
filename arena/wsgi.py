"""What the web server runs: the tables' fast lane in front of Django."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")

_django = get_wsgi_application()

from arena.machine.fast_lane import FastLane  # noqa: E402 (its models load only once the line above has set Django up)
from arena.machine.utf8_only import Utf8Only  # noqa: E402

application = FastLane(Utf8Only(_django), public=settings.ARENA_ROUTING_READ == "public")
