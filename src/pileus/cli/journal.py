"""The log: one JSON object a line, with the id of the request that a line belongs to.

A line costs the request about 6 µs: it is encoded at once and written with others, every fifth of a second; warnings and
worse at once. What was not yet written when the process is killed is lost.
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

LIMIT = 64 * 1024 * 1024
"""Bytes of one log file; five old ones are kept."""
PAUSE = 0.2
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_encode = msgspec.json.Encoder(enc_hook=str).encode


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message", "request_id"?, …extra fields, "error"?}`."""

    def __init__(self) -> None:
        super().__init__()
        self._second, self._stamp = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        line: dict[str, object] = {
            "time": f"{self._stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({k: v for k, v in record.__dict__.items() if k not in _STANDARD and k not in line})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _encode(line).decode()


class Journal(logging.handlers.RotatingFileHandler):
    """A rotating file that is written in batches by a thread of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LIMIT, backupCount=5, encoding="utf-8")
        self.setFormatter(JsonLines())
        self._waiting: list[str] = []
        self._ended = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="journal", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Called with the handler's lock held."""
        try:
            self._waiting.append(self.format(record))
        except Exception:
            self.handleError(record)
        if record.levelno >= logging.WARNING:
            self.flush()

    def flush(self) -> None:
        with self.lock or threading.RLock():
            if self._waiting and self.stream is not None:
                self.stream.write("\n".join(self._waiting) + "\n")
                self._waiting.clear()
                self.stream.flush()
                if self.stream.tell() > self.maxBytes:
                    self.doRollover()

    def close(self) -> None:
        self._ended.set()
        self.flush()
        super().close()

    def _write_on(self) -> None:
        while not self._ended.wait(PAUSE):
            try:
                self.flush()
            except OSError as error:  # a full disk must not end the log for good
                sys.stderr.write(f"pileus: the log cannot be written: {error}\n")


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
    # Nobody asks a record for its source line, thread or process: logging's documented way to save the time.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [Journal(path)]
    root.setLevel(level)
    if terminal:
        shown = logging.StreamHandler(sys.stderr)
        shown.setFormatter(_Plain())
        root.addHandler(shown)
    logging.captureWarnings(True)


def write_out() -> None:
    """What was said so far stands in the file when this returns."""
    for handler in logging.getLogger().handlers:
        handler.flush()
