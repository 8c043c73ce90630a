"""What the log must not repeat. Apart from `arena.accounts`, because logging is set up before any app is loaded."""

from __future__ import annotations

import logging
import re

import structlog

__all__ = ["LineFormatter"]

# Whoever reads the log could sign in by a link that was opened and not used yet.
_LINK = re.compile(r"(/accounts/link/)[\w-]+")


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """The line as it is written, tracebacks included, without the tokens of one-time links."""

    def format(self, record: logging.LogRecord) -> str:
        return _LINK.sub(r"\1…", super().format(record))
