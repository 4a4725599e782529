"""`pileus image build`: a small bootable guest, from Debian packages only."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import click

from pileus.cli.output import Failure, Output, speaks
from pileus.cli.state import State, state_option

GUEST_USER = "pileus"
"""Login of the guests that we build; also the password on their console, as every image of this kind has one."""


@click.group()
def image() -> None:
    """Make images for guests."""


@image.command()
@state_option
@click.argument("path", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--user", default=GUEST_USER, show_default=True, help="Who logs in to the guest.")
@click.option("--password", default=GUEST_USER, show_default=True, help="On the guest's console; ssh takes keys only.")
@click.option(
    "--kernel",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="vmlinuz, else Debian's cloud kernel.",
)
@click.option(
    "--modules", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Its /lib/modules/VERSION."
)
@click.option(
    "--parts", type=click.Path(path_type=Path, file_okay=False), help="Also write kernel, initrd and root.raw there."
)
@speaks
def build(
    out: Output,
    state: State,
    path: Path | None,
    user: str,
    password: str,
    kernel: Path | None,
    modules: Path | None,
    parts: Path | None,
) -> None:
    """Build PATH (qcow2), else quickstart/guest.qcow2 in the state. Root is not needed if fakeroot is there."""
    target = path or state.path / "quickstart" / "guest.qcow2"
    with out.working(f"building {target} from this machine's Debian packages"):
        build_guest(target, user=user, password=password, kernel=kernel, modules=modules, parts=parts)
    out.say(f"built {target}: {target.stat().st_size / 1e6:.1f} MB")
    out.say(f"upload: openstack image create --disk-format qcow2 --container-format bare --file {target} guest")
    out.result({"path": str(target), "bytes": target.stat().st_size, "user": user})


def build_guest(
    target: Path,
    *,
    user: str = GUEST_USER,
    password: str = GUEST_USER,
    kernel: Path | None = None,
    modules: Path | None = None,
    parts: Path | None = None,
) -> None:
    """Runs the builder; `target` appears whole or not at all. Raises `Failure` naming what is missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    options = [
        ("--user", user),
        ("--password", password),
        ("--kernel", kernel),
        ("--modules", modules),
        ("--parts", parts),
    ]
    arguments = [str(word) for name, value in options if value is not None for word in (name, value)]
    with as_file(files("pileus.cli") / "guest") as folder:
        command = ["bash", str(folder / "build.sh"), str(draft), *arguments]
        if os.geteuid() != 0:
            if shutil.which("fakeroot") is None:
                raise Failure("building needs root or fakeroot", "apt-get install fakeroot")
            command = ["fakeroot", "--", *command]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                reason = (done.stderr.strip() or "no reason was given").splitlines()
                raise Failure(
                    f"the image could not be built: {reason[-1]}", "make setup installs what is needed, as root"
                )
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
