"""Who calls the API: a program with a bearer token and scopes, or a signed-in person by role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView
from arena.models import ApiToken, Role, User

# `evals:browse` is what anybody signed in may read: leaderboards, task sets, contenders, runs. It is a part of
# `evals:read` and no scope of its own to give a token. The rest of `evals:read`, answers and votes, says which
# contender wrote which text: reviewers never read that. Editors may, and may vote too; theirs is a vote on trust.
BROWSE = "evals:browse"

NOT_KNOWN = "This token is not known or was revoked. Make one with manage.py create_token."

# What a signed-in person's role grants of the scopes that tokens carry.
ROLE_SCOPES = {
    Role.VIEWER: {BROWSE, "routing:read"},
    Role.REVIEWER: {BROWSE, "routing:read"},
    Role.EDITOR: {"evals:read", "evals:write", "routing:read", "routing:publish"},
    Role.ADMIN: set(ApiToken.SCOPES),
}


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`; `request.auth` is the ApiToken."""

    def authenticate(self, request: Request) -> tuple[None, ApiToken] | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(key.strip())
        if token is None:
            raise AuthenticationFailed(NOT_KNOWN)
        return None, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="arena"'


def find_token(key: str) -> ApiToken | None:
    """The usable token with this key, else None. One query; compares hashes in constant time."""
    prefix, _, rest = key.partition(".")
    if not prefix or not rest:
        return None
    token: ApiToken | None = ApiToken.objects.filter(prefix=prefix, revoked=False).first()
    if token is None or not token.is_valid(key):
        return None
    if token.expiry_date is not None and token.expiry_date <= timezone.now():
        return None
    return token


class HasScope(BasePermission):
    """Views say `scopes = {"GET": "evals:read", "POST": "evals:write"}`; a method not named is refused."""

    message = "You may not do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = needed_scope(request, view)
        if needed is None:
            return False
        who = "token lacks" if request.auth is not None else "role does not grant"
        self.message = f"This needs the scope {_given(needed)}, which your {who}."
        return needed in granted_scopes(request.auth, request.user)


def needed_scope(request: Request, view: APIView) -> str | None:
    """None: nobody may use this method."""
    scopes: dict[str, str] = getattr(view, "scopes", {})
    return scopes.get("GET" if request.method in ("HEAD", "OPTIONS") else str(request.method))


def token_wanted(scope: str | None) -> str:
    """The answer to a request without a token."""
    with_it = f" with the scope {_given(scope)}" if scope else ""
    return f"Send a token{with_it}: Authorization: Bearer <token>. Make one with manage.py create_token."


def _given(scope: str) -> str:
    """The scope that a token is made with."""
    return "evals:read" if scope == BROWSE else scope


def granted_scopes(auth: Any, user: Any) -> set[str]:
    granted: set[str] = set()
    if isinstance(auth, ApiToken):
        granted = set(auth.scopes)
    elif isinstance(user, User) and user.is_active:
        granted = ROLE_SCOPES[Role(user.role)]
    return granted | {BROWSE} if "evals:read" in granted else granted
