"""Who may do what: people, their one-time sign-in links, and the tokens of programs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework_api_key.models import AbstractAPIKey


class Role(models.TextChoices):
    """Ordered: each role may do what the ones before it may."""

    VIEWER = "viewer", "viewer: reads"
    REVIEWER = "reviewer", "reviewer: votes"
    EDITOR = "editor", "editor: uploads, runs, publishes"
    ADMIN = "admin", "admin: everything"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class User(AbstractUser):
    """A person. There are no passwords: people sign in by a one-time link (`manage.py sign_in_link`)."""

    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    # Raised with each change of the role or of whether they may sign in, which ends the sessions and links from before.
    sign_in_era = models.PositiveIntegerField(default=0, editable=False)
    voting_keys = models.BooleanField(default=True, help_text="Vote by single keys on the voting page.")

    # Keys that the person chose in place of the usual ones, by act.
    voting_keymap = models.JSONField(default=dict, blank=True)
    language = models.CharField(
        max_length=5,
        blank=True,
        default="",
        choices=[("en", "English"), ("de", "Deutsch")],
        help_text="Of the pages for reviewers; empty: the browser's.",
    )

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The role decides; what Django's admin site asks for follows it, and is written with it alone: to sign in
        writes the time, and must not bring back what an admin has just taken away."""
        self.is_staff = self.is_superuser = self.role == Role.ADMIN
        if "role" in (kwargs.get("update_fields") or ()):
            kwargs["update_fields"] = {*kwargs["update_fields"], "is_staff", "is_superuser"}
        super().save(*args, **kwargs)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session is held against with each request; Django's own follows the password, which nobody has."""
        value = f"{self.pk} {self.sign_in_era}"
        return salted_hmac("arena.User.sign_in_era", value, secret=secret, algorithm="sha256").hexdigest()

    def may(self, role: Role) -> bool:
        return self.is_active and Role(self.role).rank >= role.rank

    @property
    def name(self) -> str:
        """At most 150 characters: the history of changes stores it."""
        return (self.get_full_name() or self.username)[:150]


class SignInLink(models.Model):
    """Only the SHA-256 of the link's token is stored: a reader of the database cannot sign in with it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    token_sha256 = models.CharField(max_length=64, unique=True)
    # The person's when it was made: it signs in nobody whose role has changed since.
    sign_in_era = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"link for {self.user}"


class PersonSession(AbstractBaseSession):
    """A browser in which somebody is signed in; there is none before that. `seen_at` is up to an hour behind."""

    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    # Of the browser that signed in, as it named itself: hostile text.
    agent = models.CharField(max_length=200, blank=True, default="")

    class Meta(AbstractBaseSession.Meta):
        db_table = "arena_session"
        verbose_name = "session"


class ApiToken(AbstractAPIKey):
    """A program's token, stored hashed; `scopes` lists what it may do, such as `routing:read`."""

    SCOPES = ("evals:read", "evals:write", "routing:read", "routing:publish", "outcomes:write")

    scopes = models.JSONField(default=list)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API token"
        verbose_name_plural = "API tokens"
