"""What the environment says, read once, and the secrets a development start makes for itself.

A wrong or missing value stops the start with the variable's name and the fix. In production
(`DEBUG=0`) nothing is generated: a secret that silently differs between two processes would drop
queued chores and make stored keys unreadable.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("ARENA_VAR", BASE_DIR / "var"))

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def refuse(name: str, problem: str, fix: str) -> NoReturn:
    raise ImproperlyConfigured(f"{name}: {problem}. {fix}")


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def boolean(name: str, *, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in _TRUE:
        return True
    if value.strip().lower() in _FALSE:
        return False
    refuse(name, f"{value!r} is neither yes nor no", f"Set {name}=1 or {name}=0.")


def integer(name: str, *, default: int, least: int = 0, most: int | None = None) -> int:
    value = text(name, str(default))
    if not value.isdecimal():
        refuse(name, f"{value!r} is not a number", f"Set {name} to a number, such as {default}, or leave it out.")
    if int(value) < least or (most is not None and int(value) > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        refuse(name, f"{value} is out of bounds", f"Set {name} to a number {bounds}, such as {default}.")
    return int(value)


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A comma-separated list."""
    value = os.environ.get(name)
    if value is None:
        return list(default)
    return [word.strip() for word in value.split(",") if word.strip()]


def folders(name: str, default: tuple[Path, ...] = ()) -> list[Path]:
    """A comma-separated list of absolute paths. They need not exist yet."""
    if name not in os.environ:
        return list(default)
    paths = [Path(word) for word in words(name)]
    for path in paths:
        if not path.is_absolute() or path == Path(path.anchor):
            refuse(
                name, f"{str(path)!r} is not the absolute path of a folder", f"Set {name} to one, such as /srv/models."
            )
    return paths


def choice(name: str, *, options: tuple[str, ...], default: str) -> str:
    value = text(name, default)
    if value not in options:
        refuse(name, f"{value!r} is not known", f"Use one of: {', '.join(options)}.")
    return value


def database(name: str, *, default: str) -> dj_database_url.DBConfig:
    """Django's settings for the database at a URL: SQLite or PostgreSQL."""
    url = text(name) or default
    fix = f"Set {name} to postgres://user:password@host:5432/name or sqlite:////path/to/file, or leave it out."
    try:
        settings = dj_database_url.parse(url)
    except ValueError:
        refuse(name, "not the URL of a database", fix)
    if not settings["ENGINE"].endswith((".sqlite3", ".postgresql")):
        refuse(name, "Arena runs on PostgreSQL and on SQLite", fix)
    return settings


def certificates(name: str) -> str:
    """The path of a file of certificate authorities in PEM form; empty: those that come with Arena."""
    path = text(name)
    if path:
        try:
            ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            why = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else "no certificates in it"
            refuse(
                name,
                f"{path} cannot be used: {why}",
                f"Set {name} to a file of certificates in PEM form (-----BEGIN CERTIFICATE-----), or leave it out.",
            )
    return path


def media(name: str, *, default: Path | None) -> dict[str, Any]:
    """Django's settings for the storage at a folder, or at `s3://bucket/prefix`. Without either, and without a default,
    the storage refuses what it is given, and names the variable."""
    place = text(name) or (str(default) if default is not None else "")
    if not place:
        return {"BACKEND": "arena.media.NoStorage", "OPTIONS": {"variable": name}}
    scheme, separator, rest = place.partition("://")
    if not separator:
        if not Path(place).is_absolute():
            refuse(name, f"{place!r} is not an absolute path", f"Set {name}=/path/to/folder, or {name}=s3://bucket.")
        return {"BACKEND": "arena.media.FolderStorage", "OPTIONS": {"location": place}}
    bucket, _, prefix = rest.partition("/")
    if scheme.lower() != "s3" or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        refuse(
            name,
            f"{place!r} is neither a folder nor a bucket",
            f"Set {name}=/path/to/folder, or {name}=s3://bucket/images.",
        )
    options = {"bucket_name": bucket, "location": prefix.strip("/"), "file_overwrite": True, "default_acl": None}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


# How e-mail goes to the server, and the port where nothing says another.
_MAIL_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def mail_server(name: str) -> dict[str, Any]:
    """Django's settings of the mail server at a URL; an empty host without one."""
    url = text(name)
    settings: dict[str, Any] = {"EMAIL_HOST": "", "EMAIL_PORT": 25, "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": ""}
    settings |= {"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": False}
    if not url:
        return settings
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _MAIL_SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query:
        # Without the value: it may hold a password.
        refuse(
            name,
            "not the address of a mail server",
            f"Set {name} to smtp+starttls://user:password@mail.example:587, smtps://… or, without encryption, smtp://…",
        )
    return settings | {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or _MAIL_SCHEMES[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+starttls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def site(name: str, *, needed_by: str = "") -> str:
    """The address people reach Arena at; empty if it is not set and nothing needs it."""
    url = text(name).rstrip("/")
    fix = f"Set {name} to the address people open in a browser, such as https://arena.example."
    if not url:
        if needed_by:
            refuse(name, f"not set, and {needed_by} needs it for links", fix)
        return ""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        usable = False
    if not usable:
        refuse(name, f"{url!r} is not an http or https address", fix)
    return url


def new_key() -> str:
    """32 random bytes as URL-safe base64: a Fernet key, or an Ed25519 seed."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def secret(name: str, *, debug: bool, make: Callable[[], str] = new_key) -> str:
    """The secret called `name`: from the environment, else (development only) from `var/secrets/`.

    Two processes that start at once agree: the file is made with O_EXCL under a temporary name's
    link, so the loser reads what the winner wrote in full.
    """
    value = text(name)
    if value:
        return value
    if not debug:
        refuse(name, "not set, and production generates no secrets", f"Set {name} and keep it: it must not change.")
    path = VAR_DIR / "secrets" / name.lower()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process won; its file is complete, because a link appears whole
        finally:
            draft.unlink()
    return path.read_text().strip()


def key_bytes(name: str, value: str) -> bytes:
    """Decodes a 32-byte key from URL-safe base64."""
    try:
        decoded = base64.urlsafe_b64decode(value.encode())
    except ValueError:
        decoded = b""
    if len(decoded) != 32:
        refuse(
            name,
            "must be 32 bytes as URL-safe base64",
            'Make one with: python -c "import base64,secrets;'
            'print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())"',
        )
    return decoded
