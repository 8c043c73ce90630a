"""The chosen theme, and the pages that show every part in every state, and texts in every script."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from arena.ui.specimens import gallery, specimens
from arena.ui.templatetags.ui import THEMES

YEAR = 365 * 24 * 3600


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember light or dark in a cookie; anything else forgets it, and the machine's own theme is shown."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    response = HttpResponseRedirect(target)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=YEAR, samesite="Lax", secure=not settings.DEBUG, httponly=True)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """For those who build pages: not there in production."""
    if not settings.DEBUG:
        raise Http404
    return render(request, "ui/styleguide.html", specimens())


@require_GET
def text_gallery(request: HttpRequest) -> HttpResponse:
    """The texts that the renderer is tested with, each beside what must be seen; not there in production."""
    texts = gallery() if settings.DEBUG else []
    if not texts:
        raise Http404
    return render(request, "ui/gallery.html", {"texts": texts})
