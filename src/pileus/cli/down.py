"""`pileus down`: stop; with `--purge` also forget everything."""

from __future__ import annotations

import asyncio
import shutil

import click

from pileus.cli.output import Failure, Output, speaks
from pileus.cli.state import OURS, State, state_option


@click.command()
@state_option
@click.option("--purge", is_flag=True, help="Also delete every machine, network and file of this cloud, for good.")
@speaks
def down(out: Output, state: State, purge: bool) -> None:
    """Stop the cloud.

    Virtual machines and networks go on running and are found again by the next `pileus up`; --purge deletes them
    and all data. pileus.toml stays.
    """
    from pileus.cli.serving import stop

    with out.working("stopping"):
        stopped = stop(state)
    out.say(f"stopped, state {state.path}" if stopped else f"nothing runs on {state.path}")
    removed = _purge(out, state) if purge else []
    if stopped and not purge:
        out.say("machines and networks go on running; to delete them too: pileus down --purge")
    out.result({"state": str(state.path), "stopped": stopped, "removed": removed})


def _purge(out: Output, state: State) -> list[str]:
    from pileus.cli.libvirtd import start_missing, stop_started

    if not state.path.exists():
        return []
    if not any((state.path / name).exists() for name in ("run", "pileus.db", "clouds.yaml")):
        raise Failure(f"{state.path} does not look like a state directory of Pileus: nothing was deleted")
    state.create()
    if state.lock() is None:
        raise Failure(f"somebody started pileus on {state.path} meanwhile", "pileus down --purge once more")
    machines = state.run / "machines"
    if machines.exists() and machines.read_text(encoding="ascii") == "real":
        start_missing(state)  # without libvirt its machines could not be deleted
    with out.working("removing machines and networks"):
        removed = _machines_gone(state)
    removed += stop_started(state)
    for path in (found for pattern in OURS for found in sorted(state.path.glob(pattern))):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            removed.append(str(path))
        else:
            path.unlink()
            removed.append(str(path))
    if not any(state.path.iterdir()):
        state.path.rmdir()
    for line in removed:
        out.say(f"  removed {line}")
    return removed


def _machines_gone(state: State) -> list[str]:
    """Raises `Failure` when something of the cloud still stands on this machine: then no file is deleted either."""
    from pileus.cli.wiring import app, settings_of

    settings = settings_of(state)
    try:
        return asyncio.run(app().purge(settings, state.path))
    except Exception as error:
        raise Failure(
            f"machines and networks could not be removed: {error}", "pileus doctor; then pileus down --purge again"
        ) from error
