"""The process that serves a state: started, waited for, stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pileus.cli.journal import write_out
from pileus.cli.output import ADVICE, REASON, Failure
from pileus.cli.state import State, write_private

if TYPE_CHECKING:
    from pileus.kernel.config import Settings

log = logging.getLogger("pileus.cli")
STOP_SECONDS = 2.5
"""After this long a stopping process ends itself: everything it keeps is safe against being killed."""


def run_here(
    serve: Callable[..., Any], settings: Settings, state: State, told: Callable[[dict[str, Any]], None]
) -> None:
    """Serves in this process until SIGTERM or SIGINT. The caller holds the state's lock. `told` gets the facts."""
    state.ready_file.unlink(missing_ok=True)
    started = time.time()

    def ready(facts: Mapping[str, object]) -> None:
        known = {**facts, "pid": os.getpid(), "started": started, "ready_after": round(time.time() - started, 3)}
        write_out()
        write_private(state.ready_file, json.dumps(known, default=str))
        told(known)

    async def until_told() -> None:
        task = asyncio.ensure_future(serve(settings, state.path, ready))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, task, number)
        try:
            await task
        except asyncio.CancelledError:
            log.info("stopped")

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(until_told())
    except Exception as error:
        log.exception("pileus ends")
        raise Failure(_reason(error), f"see {state.log_file}") from error
    finally:
        state.ready_file.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """Our own errors and the system's are sentences; of any other one the type is told too."""
    ours = type(error).__module__.partition(".")[0] == "pileus" or isinstance(error, OSError | RuntimeError)
    return str(error) if ours and str(error) else f"unexpected {type(error).__name__}: {error}"


def _stop(task: asyncio.Future[None], number: int) -> None:
    log.info("stopping on %s", signal.Signals(number).name)
    task.cancel()

    def give_up() -> None:
        log.warning("still not stopped after %s s: ending now", STOP_SECONDS)
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(STOP_SECONDS, give_up)
    timer.daemon = True
    timer.start()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def start_detached(state: State, arguments: list[str], password: str | None) -> subprocess.Popen[str]:
    """`pileus up` as a daemon: a session of its own, no terminal, words to `logs/pileus.err` (begun anew)."""
    with open(state.stderr_file, "wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "pileus", "up", "--state", str(state.path), *arguments],
            stdin=subprocess.PIPE,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": _python_path(), "PILEUS_DETACHED": "1"},
            text=True,
        )
    assert child.stdin is not None
    try:
        child.stdin.write(f"{password or ''}\n")
        child.stdin.close()
    except BrokenPipeError:
        log.debug("it ended at once; wait_ready says why")
    return child


def _python_path() -> str:
    """As it is, but absolute: the daemon lives in `/`."""
    return os.pathsep.join(str(Path(p).absolute()) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p)


def wait_ready(state: State, child: subprocess.Popen[str] | None, seconds: float) -> dict[str, Any]:
    """The facts of the process that serves the state, once every listener answers.

    Raises `Failure` with its last words when `child` ends before, or when `seconds` have passed.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        facts = state.facts()
        if facts is not None:
            return facts
        if child is not None and child.poll() is not None:
            raise Failure(*_last_words(state, child.returncode))
        time.sleep(0.02)
    raise Failure(f"pileus did not get ready within {seconds:.0f} s", _where(state))


def _where(state: State) -> str:
    return f"see {state.log_file} and {state.stderr_file}, or run it in the foreground: pileus up"


def _last_words(state: State, code: int) -> tuple[str, str]:
    """Reason and advice of a process that ended before it was ready: its own `Failure`, else the end of what it wrote."""
    text = state.stderr_file.read_text(encoding="utf-8", errors="replace").rstrip()
    if text.startswith(REASON):
        reason, _, advice = text.removeprefix(REASON).rpartition(f"\n{ADVICE}")
        return (reason, advice) if reason else (advice, "")
    tail = "\n".join(f"  {line}" for line in text.splitlines()[-12:])
    return f"pileus did not start (exit code {code}):\n{tail}", _where(state)


def stop(state: State, seconds: float = 5.0) -> bool:
    """Ends the process that serves the state: asks, then kills. False when there was none."""
    pid = state.holder()
    if pid is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            raise Failure(f"process {pid} belongs to another user", "run as the user who started it") from None
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if state.holder() != pid:
                return True
            time.sleep(0.02)
    raise Failure(f"process {pid} does not end, not even on SIGKILL", "the kernel holds it: look at dmesg")
