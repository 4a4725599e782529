"""A process that has everything imported and forks one child per request: a fresh process in a few milliseconds.

Reads requests as JSON lines, `{"path": [...], "file": ..., "call": ..., "arguments": {...}, "report": file}`: load that
file once, then fork and call `sagas.engine.<call>(**arguments)`. Answers each with the child's exit status (negative: the
signal that ended it). A child writes what went wrong to the report file.
"""

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

CHILD_SECONDS = 120


class Zygote:
    """The parent's end."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, file: str, call: str, arguments: dict[str, Any], report: Path) -> int:
        """Call `sagas.engine.<call>`, or `.<call>` of `file`, in a new process. Returns its exit status; raises its report."""
        report.unlink(missing_ok=True)
        request = {"path": sys.path, "file": file, "call": call, "arguments": arguments, "report": str(report)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the zygote has died"
        if report.exists():
            raise AssertionError(f"in the child process:\n{report.read_text()}")
        return int(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # What children print belongs to the test's output, not among the answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        sys.path[:] = request["path"]
        _load(request["file"])
        child = os.fork()
        if child == 0:
            _play(request)
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")


def _load(file: str) -> None:
    """Import a file of scenarios; they register themselves."""
    name = f"scenarios:{file}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


def _play(request: dict[str, Any]) -> None:
    signal.alarm(CHILD_SECONDS)
    try:
        own = request["call"].startswith(".")
        source = sys.modules[f"scenarios:{request['file']}"] if own else importlib.import_module("sagas.engine")
        getattr(source, request["call"].lstrip("."))(**request["arguments"])
    except BaseException:
        Path(request["report"]).write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    serve()
