"""Turns the refusal of a server, its status and its words, into one of Arena's errors.

Servers agree on status codes, roughly, and on nothing else: the error is an object, a string, a list of objects,
or under another name, and a prompt that is too long gives a 400, a 413, a 422 or a 500.
"""

from __future__ import annotations

import json
import re
from typing import Any

from evals.collection.providers.errors import (
    ContextTooLong,
    Filtered,
    KeyRefused,
    ModelNotFound,
    NoCredit,
    NotAllowed,
    OutOfMemory,
    Overloaded,
    ProviderError,
    RateLimited,
    RequestRefused,
    ServerError,
    TimedOut,
)

__all__ = ["asked_wait_s", "is_about_memory", "refusal", "words_of"]

_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum context|exceed_context|too many (?:input )?tokens|"
    r"prompt (?:is )?too long|input (?:is )?too long|reduce the length|string_above_max_length|"
    r"exceeds the maximum number of tokens",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[ _-]?(?:filter|policy)|content_?management_?policy|responsible ?ai|safety[ _-]?(?:system|filter)|"
    r"flagged|moderation",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    r"(?:invalid|incorrect|missing|expired)[ _]api[ _]key|api key not valid|authentication_error|permission_error|"
    r"UNAUTHENTICATED|PERMISSION_DENIED",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(r"model[ _]not[ _]found|model .{0,120}(?:does not exist|not found)|no such model", re.IGNORECASE)
_NO_CREDIT = re.compile(
    r"insufficient[ _](?:quota|balance|funds|credit)|exceeded your current quota|billing_hard_limit|"
    r"credit balance is too low",
    re.IGNORECASE,
)
_MEMORY = re.compile(
    r"out of memory|\bOOM\b|cudaMalloc|requires more (?:system|gpu) memory|unable to allocate|failed to allocate|"
    r"not enough memory|kv[ _-]?cache is full|insufficient memory|cannot allocate memory|MemoryError|bad_alloc",
    re.IGNORECASE,
)
# llama.cpp's status for an image to a model that has no eyes is 500: to ask again would not give it any.
_UNSUPPORTED = re.compile(r"(?:image|audio|video|multimodal)s? (?:input )?(?:is|are) not supported", re.IGNORECASE)
_RATE = re.compile(r"rate[ _-]?limit|too many requests|quota exceeded|resource_?exhausted", re.IGNORECASE)
# Google's, for limits by the minute too, though its message is the one that OpenAI sends when the credit is used up.
_EXHAUSTED = re.compile(r"RESOURCE_EXHAUSTED")
_OVERLOADED = re.compile(r"overloaded|unavailable|at capacity|insufficient_system_resource", re.IGNORECASE)

_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,9})?s", re.ASCII)

# The words decide first where one status has several meanings.
_BY_WORDS: dict[int, tuple[tuple[re.Pattern[str], type[ProviderError]], ...]] = {
    400: (
        (_TOO_LONG, ContextTooLong),
        (_FILTERED, Filtered),
        (_BAD_KEY, KeyRefused),
        (_NO_CREDIT, NoCredit),
        (_NO_MODEL, ModelNotFound),
    ),
    422: ((_TOO_LONG, ContextTooLong), (_FILTERED, Filtered), (_NO_MODEL, ModelNotFound)),
    403: ((_FILTERED, Filtered), (_NO_CREDIT, NoCredit)),
    429: ((_EXHAUSTED, RateLimited), (_NO_CREDIT, NoCredit)),
    500: (
        (_TOO_LONG, ContextTooLong),
        (_MEMORY, OutOfMemory),
        (_UNSUPPORTED, RequestRefused),
        (_OVERLOADED, Overloaded),
    ),
    503: ((_MEMORY, OutOfMemory),),
}
_BY_STATUS: dict[int, type[ProviderError]] = {
    401: KeyRefused,
    402: NoCredit,
    403: KeyRefused,
    404: ModelNotFound,
    408: TimedOut,
    409: ServerError,
    413: ContextTooLong,
    425: ServerError,
    429: RateLimited,
    451: Filtered,
    503: Overloaded,
    529: Overloaded,
}
# An error object inside a stream has no status of its own.
_IN_STREAM: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (_TOO_LONG, ContextTooLong),
    (_FILTERED, Filtered),
    (_BAD_KEY, KeyRefused),
    (_NO_CREDIT, NoCredit),
    (_NO_MODEL, ModelNotFound),
    (_RATE, RateLimited),
    (_MEMORY, OutOfMemory),
    (_OVERLOADED, Overloaded),
)


def refusal(status: int | None, body: str) -> tuple[type[ProviderError], str]:
    """The kind of error and the server's words, not yet redacted. `status` None: an error inside a stream."""
    words = words_of(body)
    code = _code_of(body)
    if status is None or status == 200:
        if code in _BY_STATUS or (code is not None and code in (*_BY_WORDS, 502, 504)):
            status = code
        else:
            kind = next((kind for pattern, kind in _IN_STREAM if pattern.search(words)), ServerError)
            return kind, words
    assert status is not None
    for pattern, kind in _BY_WORDS.get(status, ()):
        if pattern.search(words):
            return kind, words
    if status in _BY_STATUS:
        return _BY_STATUS[status], words
    if 300 <= status < 400:
        return NotAllowed, "it redirects, and redirects are not followed: set the base URL to the final address"
    return (ServerError if status >= 500 else RequestRefused), words


def is_about_memory(words: str) -> bool:
    return bool(_MEMORY.search(words))


def asked_wait_s(body: str) -> float | None:
    """How long the body asks to wait: google.rpc.RetryInfo, which Gemini sends in place of a header."""
    try:
        error = _unpack(json.loads(body))
    except (ValueError, RecursionError):
        return None
    details = error.get("details") if isinstance(error, dict) else None
    for one in details if isinstance(details, list) else []:
        delay = one.get("retryDelay") if isinstance(one, dict) else None
        if isinstance(delay, str) and _SECONDS.fullmatch(delay):
            return float(delay[:-1])
    return None


def words_of(body: str) -> str:
    """Message, type and code of an error body in any of its forms; the beginning of any other body."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return re.sub(r"<[^>]*>|\s+", " ", body[:2000]).strip()
    error = _unpack(found)
    if isinstance(error, dict):
        parts = [error.get(name) for name in ("message", "type", "code", "status", "param")]
        # FastAPI servers put the complaint under `detail`, as text or as a list.
        parts.append(error.get("detail"))
        words = [part if isinstance(part, str) else json.dumps(part) for part in parts if part]
        if words:
            return " · ".join(dict.fromkeys(words))[:2000]
    return error[:2000] if isinstance(error, str) else json.dumps(found)[:2000]


def _unpack(found: Any) -> Any:
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict) and found.get("error"):
        return found["error"]
    return found


def _code_of(body: str) -> int | None:
    """The HTTP status that llama.cpp and others put into the error object."""
    try:
        error = _unpack(json.loads(body))
    except (ValueError, RecursionError):
        return None
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None
