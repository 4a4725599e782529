"""`pileus status`: does it run, and does every listener answer?"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from msgspec import Struct

from pileus.cli.output import Output, speaks
from pileus.cli.state import State, state_option


class Answered(Struct, frozen=True):
    """What one listener said. `status` is 0 when nothing answered; then `problem` says why."""

    name: str
    url: str
    status: int
    milliseconds: float
    problem: str = ""


@click.command()
@state_option
@click.pass_context
@speaks
def status(out: Output, ctx: click.Context, state: State) -> None:
    """Show whether the cloud runs and answers. Exit code 0: all well; 1: something does not answer; 3: not running."""
    pid, facts = state.holder(), state.facts()
    if pid is None:
        out.say(f"not running on {state.path}; start it: pileus up --detach")
        out.result({"running": False, "state": str(state.path)})
        ctx.exit(3)
    if facts is None:
        out.say(f"starting or stopping on {state.path} (pid {pid})")
        out.result({"running": True, "ready": False, "pid": pid, "state": str(state.path)})
        ctx.exit(1)
    answers = ask_all(facts.get("listeners", {}))
    age, memory = int(time.time() - facts["started"]), memory_mb(pid)
    out.say(f"running on {state.path} (pid {pid}, for {_age(age)}, {memory:.0f} MB)")
    for family, chosen in facts.get("drivers", {}).items():
        out.say(f"  {family}: {chosen}")
    out.table(
        ("listener", "address", "answer", "ms"),
        [(a.name, a.url, a.problem or str(a.status), f"{a.milliseconds:.1f}") for a in answers],
    )
    well = all(a.status for a in answers)
    out.result(
        {
            "running": True,
            "ready": True,
            "pid": pid,
            "state": str(state.path),
            "seconds": age,
            "memory_mb": round(memory, 1),
            "drivers": facts.get("drivers", {}),
            "listeners": [{f: getattr(a, f) for f in a.__struct_fields__} for a in answers],
        }
    )
    ctx.exit(0 if well else 1)


def ask_all(listeners: dict[str, str]) -> list[Answered]:
    if not listeners:
        return []
    with ThreadPoolExecutor(len(listeners)) as pool:
        return list(pool.map(lambda item: _ask(*item), listeners.items()))


def _ask(name: str, url: str) -> Answered:
    """Any HTTP answer below 500 is a sign of life, also a refusal."""
    begun = time.perf_counter()
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
        with opener.open(url, timeout=5) as answer:
            code, problem = answer.status, ""
    except urllib.error.HTTPError as error:
        code, problem = (error.code, "") if error.code < 500 else (0, f"answers {error.code}")
    except OSError as error:
        reason = getattr(error, "reason", error)
        code, problem = 0, str(getattr(reason, "strerror", None) or reason)
    return Answered(name, url, code, round((time.perf_counter() - begun) * 1000, 1), problem)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a redirect is an answer."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


def memory_mb(pid: int) -> float:
    """Proportional share of memory in MB; 0 when the kernel does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0.0


def _age(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s" if rest >= 60 else f"{rest} s"
