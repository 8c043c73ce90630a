"""Makes hostile strings fit to store: removes what a database cannot hold, redacts secrets, and cuts what is too
long."""

from __future__ import annotations

import re

__all__ = ["clean", "detail", "redact"]

DETAIL_CHARS = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Anything that looks like a key or token: providers repeat keys in their error messages.
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|key|gsk|xai|hf|ghp|tok)[-_][\w*.-]{8,}|\bAIza[\w-]{8,}|\bBearer\s+\S+", re.IGNORECASE
)


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL refuses, and without lone surrogates, which UTF-8 cannot encode. Surrogate pairs
    that a stream split are joined again."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def redact(text: str, key: str | None) -> str:
    """Without the key and without anything that looks like one."""
    if key:
        text = text.replace(key, "[key]")
    return _KEY_LIKE.sub("[key]", text)


def detail(text: str, *, key: str | None = None) -> str:
    """One line of at most 500 characters, redacted first: a cut must not leave half a key."""
    line = _CONTROL.sub(" ", redact(clean(text), key)).strip()
    return line if len(line) <= DETAIL_CHARS else line[: DETAIL_CHARS - 1] + "…"
