"""For servers that speak only ASGI. Arena's pages are synchronous; prefer `arena.wsgi`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")

application = get_asgi_application()
