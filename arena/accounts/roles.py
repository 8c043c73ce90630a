"""What a page needs of the person who opens it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from arena.models import Role, User

__all__ = ["person", "role_required"]

P = ParamSpec("P")
# Views may ask for a request of their own kind, such as htmx's.
R = TypeVar("R", bound=HttpRequest)


def role_required(
    role: Role,
) -> Callable[[Callable[Concatenate[R, P], HttpResponseBase]], Callable[Concatenate[R, P], HttpResponseBase]]:
    """Anonymous: to the sign-in page, and back here afterwards. Too low a role: 403 with a sentence that says
    which one is needed."""

    def decorate(view: Callable[Concatenate[R, P], HttpResponseBase]) -> Callable[Concatenate[R, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: R, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            user = request.user
            if not isinstance(user, User):
                return _to_sign_in(request)
            if not user.may(role):
                raise PermissionDenied(
                    f"This needs the role {role.value}; yours is {user.role}. An admin can change it under People."
                )
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def person(request: HttpRequest) -> User:
    """The signed-in person, in a view behind `role_required`."""
    return cast(User, request.user)


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """A part fetched by htmx must not be filled with the sign-in page, and a POST cannot be come back to."""
    htmx = getattr(request, "htmx", None)
    if htmx:
        back = htmx.current_url_abs_path or reverse("home")
        return HttpResponseClientRedirect(redirect_to_login(back).url)
    return redirect_to_login(request.get_full_path() if request.method in ("GET", "HEAD") else reverse("home"))
