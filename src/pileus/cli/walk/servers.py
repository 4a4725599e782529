"""The machine: key, boot, login, console."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from pileus.cli.image import GUEST_USER
from pileus.cli.output import Failure
from pileus.cli.state import write_private
from pileus.cli.walk.walker import NAME, Walker

WITNESS = "/var/lib/quickstart"
"""File in the guest that only its user-data writes."""
USER_DATA = f'#!/bin/sh\necho "user-data ran in $(hostname)" >{WITNESS}\n'
BOOT_SECONDS, LOGIN_SECONDS = 300, 300
"""Generous: without KVM, on a busy machine, a boot takes half a minute."""


def keypair(walker: Walker) -> str:
    private = walker.state.path / "quickstart" / "id_ed25519"
    made = not private.exists()
    if made:
        _make_key(private)
    public = private.with_suffix(".pub").read_text(encoding="utf-8").strip()
    walker.found["key"] = private
    found = walker.cloud.compute.find_keypair(NAME)
    if found is not None and walker.cloud.compute.get_keypair(found).public_key.split()[:2] != public.split()[:2]:
        walker.cloud.compute.delete_keypair(found)
        found = None
    if found is None:
        walker.cloud.compute.create_keypair(name=NAME, public_key=public)
    return f"{'is there' if found is not None else 'made'}, {private}"


def boot(walker: Walker) -> str:
    """The server, running. One that is off is started; one in ERROR is replaced."""
    compute = walker.cloud.compute
    found = compute.find_server(NAME)
    if found is not None:
        found = compute.get_server(found.id)
    if found is not None and found.status in {"ERROR", "DELETED", "SOFT_DELETED"}:
        compute.delete_server(found)
        compute.wait_for_delete(found, wait=BOOT_SECONDS)
        found = None
    made = found is None
    if found is None:
        found = compute.create_server(
            name=NAME,
            image_id=walker.found["image"].id,
            flavor_id=walker.found["flavor"].id,
            networks=[{"uuid": walker.found["network"].id}],
            security_groups=[{"name": NAME}],
            key_name=NAME,
            user_data=base64.b64encode(USER_DATA.encode()).decode(),
        )
    elif found.status == "SHUTOFF":
        compute.start_server(found)

    def up() -> bool:
        walker.found["server"] = server = compute.get_server(found.id)
        if server.status == "ERROR":
            reason = (server.fault or {}).get("message", "no reason was given")
            raise Failure(f"server {server.id} is in ERROR: {reason}")
        return bool(server.status == "ACTIVE")

    walker.wait(BOOT_SECONDS, up, f"server {found.id} ACTIVE", every=0.2)
    return f"{'booted' if made else 'runs'}, {found.id}"


def login(walker: Walker) -> str:
    """By ssh, from this host, through the floating address; runs a command there and reads what user-data wrote."""
    words: list[str] = []

    def answered() -> bool:
        done = subprocess.run(
            [*ssh_command(walker), f"cat {WITNESS} && uname -sr"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        words[:] = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
        return done.returncode == 0

    try:
        walker.wait(LOGIN_SECONDS, answered, "login", every=0.5)
    except Failure as failure:
        tail = console_tail(walker, 8)
        raise Failure(
            f"{failure.message}; ssh said: {words[-1] if words else 'nothing'}; the console ends with:\n{tail}",
            "pileus doctor",
        ) from None
    return f"by ssh to {walker.found['address']}: {'; '.join(words)}"


def console(walker: Walker) -> str:
    walker.found["console"] = tail = console_tail(walker, 8)
    return "ends with:\n" + "\n".join(f"      | {line}" for line in tail.splitlines())


def console_tail(walker: Walker, lines: int) -> str:
    output = walker.cloud.compute.get_server_console_output(walker.found["server"], length=lines * 4)
    text = (output or {}).get("output") or ""
    shown = [line.strip() for line in text.replace("\r", "").splitlines() if line.strip()]
    return "\n".join(shown[-lines:])


def write_login(walker: Walker) -> Path:
    """A script that logs in, for people: the ssh command has many words."""
    path = walker.state.path / "quickstart" / "login"
    words = " ".join(shlex.quote(word) for word in ssh_command(walker) if word != "BatchMode=yes")
    write_private(path, f'#!/bin/sh\nexec {words.replace(" -o -o ", " -o ")} "$@"\n')
    path.chmod(0o700)
    return path


def ssh_command(walker: Walker) -> list[str]:
    """An ssh that asks nothing and keeps the guest's host key beside its own: the address may have been another's."""
    known = walker.state.path / "quickstart" / f"known_hosts.{walker.found['server'].id}"
    ssh = shutil.which("ssh")
    if ssh is None:
        raise Failure("there is no ssh program", "apt-get install openssh-client")
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "5",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": str(known),
        "IdentitiesOnly": "yes",
        "LogLevel": "ERROR",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return [ssh, "-F", os.devnull, "-i", str(walker.found["key"]), *words, f"{GUEST_USER}@{walker.found['address']}"]


def _make_key(private: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private.parent.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    encoding = serialization.Encoding
    public = key.public_key().public_bytes(encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    text = key.private_bytes(encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode()
    private.with_suffix(".pub").write_text(f"{public} pileus-{NAME}\n", encoding="utf-8")
    write_private(private, text)
