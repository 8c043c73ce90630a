"""Texts of battles as HTML, each laid out once.

A rendering belongs to a text. It is looked for in this process's memory, then in the table, and made if it is in
neither. `prepare` does that for all texts of a page with one query, and one more where something was new; `rendered`
and `rendered_code` then only read. Whatever is lost is made again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta
from threading import Lock
from typing import NamedTuple

from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from arena.statements import Statement
from arena.ui.markup import VERSION, render, render_code
from evals.models import Rendering

__all__ = ["Written", "forget", "prepare", "rendered", "rendered_code", "sweep"]

# Bytes of HTML that a process keeps.
_MEMORY = 32 * 1024 * 1024
# Shorter texts are laid out as fast as a row is read.
_SHORT = 200
_KEPT = timedelta(days=14)
_SWEPT_AT_ONCE = 1000


class Written(NamedTuple):
    """A text and how it is read: as Markdown, or as code in `language` where that is not None."""

    text: str
    language: str | None = None

    @property
    def key(self) -> str:
        kind = "markdown" if self.language is None else f"code:{self.language}"
        return hashlib.sha256(f"{VERSION}\n{kind}\n{self.text}".encode(errors="surrogatepass")).hexdigest()


class _Memory:
    """The newest renderings by their keys, up to a size. Shared by a process's threads."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._html: OrderedDict[str, SafeString] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> SafeString | None:
        with self._lock:
            html = self._html.get(key)
            if html is not None:
                self._html.move_to_end(key)
            return html

    def put(self, key: str, html: SafeString) -> None:
        with self._lock:
            before = self._html.pop(key, None)
            self._size += len(html) - (len(before) if before is not None else 0)
            self._html[key] = html
            while self._size > self._most and self._html:
                _, gone = self._html.popitem(last=False)
                self._size -= len(gone)

    def clear(self) -> None:
        with self._lock:
            self._html.clear()
            self._size = 0


_memory = _Memory(_MEMORY)


_RENDERED = Statement(
    lambda keys: Rendering.objects.filter(key__in=keys).order_by().values_list("key", "html"), lists=("keys",)
)


def prepare(texts: Iterable[Written]) -> None:
    """Have these texts at hand: no query if all are in memory, one if all were rendered before, two otherwise."""
    wanted = {one.key: one for one in texts if len(one.text) >= _SHORT}
    missing = {key: one for key, one in wanted.items() if _memory.get(key) is None}
    if not missing:
        return
    for key, html in _RENDERED.rows(keys=list(missing)):
        _memory.put(key, mark_safe(html))  # noqa: S308 (only what `render` made is stored)
        del missing[key]
    made = {key: _make(one) for key, one in missing.items()}
    for key, html in made.items():
        _memory.put(key, html)
    if made:
        rows = [Rendering(key=key, html=str(html)) for key, html in made.items()]
        # Another process may have made the same meanwhile: it is equal.
        Rendering.objects.bulk_create(rows, ignore_conflicts=True)


def rendered(text: str) -> SafeString:
    """Markdown as safe HTML (`arena.ui.markup.render`). No query."""
    return _at_hand(Written(text))


def rendered_code(text: str, language: str = "") -> SafeString:
    """A block of code as safe HTML (`arena.ui.markup.render_code`). No query."""
    return _at_hand(Written(text, language))


def sweep() -> int:
    """Delete some of what was made long ago or by an older renderer, which nothing finds any more. Returns how many."""
    old = Rendering.objects.filter(made_at__lt=timezone.now() - _KEPT).order_by("made_at").values_list("key", flat=True)
    keys = list(old[:_SWEPT_AT_ONCE])
    return Rendering.objects.filter(key__in=keys).delete()[0] if keys else 0


def forget() -> None:
    """Empty this process's memory: tests and measurements begin without it."""
    _memory.clear()


def _at_hand(written: Written) -> SafeString:
    if len(written.text) < _SHORT:
        return _make(written)
    key = written.key
    html = _memory.get(key)
    if html is None:
        html = _make(written)
        _memory.put(key, html)
    return html


def _make(written: Written) -> SafeString:
    return render(written.text) if written.language is None else render_code(written.text, written.language)
