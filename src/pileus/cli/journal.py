"""The log: one JSON object a line, with the id of the request that a line belongs to."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

LIMIT = 64 * 1024 * 1024
"""Bytes of one log file; five old ones are kept."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message", "request_id"?, "error"?, …extra fields}`."""

    def __init__(self, request_id: ContextVar[str] | None = None) -> None:
        super().__init__()
        self._request_id = request_id

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        asked = getattr(record, "request_id", "") or (self._request_id.get("") if self._request_id else "")
        if asked:
            line["request_id"] = asked
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        line.update({k: v for k, v in vars(record).items() if k not in _STANDARD and k not in line})
        return json.dumps(line, default=str, ensure_ascii=False)


class _Plain(logging.Formatter):
    """For the terminal of a `pileus up` in the foreground: of an error its last line, the rest is in the file."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        return f"    {type(ei[1]).__name__}: {ei[1]}"

    def format(self, record: logging.LogRecord) -> str:
        kept, record.exc_text = record.exc_text, None
        try:
            return super().format(record)
        finally:
            record.exc_text = kept


def open_journal(path: Path, *, terminal: bool, level: str = "INFO") -> None:
    """Sends every logger's records to `path`, and to stderr when somebody sits at it."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LIMIT, backupCount=5, encoding="utf-8")
    handler.setFormatter(JsonLines(_request_id()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    if terminal:
        shown = logging.StreamHandler(sys.stderr)
        shown.setFormatter(_Plain())
        root.addHandler(shown)
    logging.captureWarnings(True)


def _request_id() -> ContextVar[str] | None:
    """The variable that the kernel's front door sets for each request, if it keeps one."""
    from pileus.kernel import types

    found = getattr(getattr(types, "logs", None), "request_id", None)
    return found if isinstance(found, ContextVar) else None
