"""`pileus quickstart`: from nothing to a virtual machine that one logs in to."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from pileus.cli.output import Failure, Output, speaks
from pileus.cli.state import State, state_option

SIMULATED_HOSTS = 3
"""When nobody says how many."""


@click.command()
@state_option
@click.option("--simulate", type=click.IntRange(min=1), metavar="N", help="Walk over N simulated hypervisors.")
@click.option("--password", metavar="PW", help="Password of admin and demo at the first start, instead of random ones.")
@click.option("--outside", default="172.24.4.0/24", show_default=True, help="Addresses of the external network.")
@speaks
def quickstart(out: Output, state: State, simulate: int | None, password: str | None, outside: str) -> None:
    """Start the cloud, boot a virtual machine and log in to it, all through the OpenStack APIs.

    May be run again at any time: what is there is used. Without root or libvirt the machine is simulated.
    """
    from pileus.cli.walk import images, networks, servers
    from pileus.cli.walk.walker import Walker

    begun = time.monotonic()
    state.create()
    walker = Walker(out, state, real=True)
    walker.found["outside_cidr"] = outside
    reason = _why_simulated(state, simulate)
    if reason:
        walker.real = False
        out.say(f"machines are simulated: {reason}")
    walker.make("start the cloud", lambda w: _start(w, simulate, password))
    walker.make("build the guest's image", images.build)
    walker.make("upload it", images.upload)
    walker.make("flavor", images.flavor)
    walker.make("external network", networks.outside)
    walker.make("tenant network", networks.tenant)
    walker.make("router", networks.router)
    walker.make("security group", networks.group)
    walker.make("keypair", servers.keypair)
    walker.make("boot a server, until ACTIVE", servers.boot)
    walker.make("floating address", networks.floating)
    if walker.real:
        walker.make("log in, see user-data", servers.login)
    walker.make("console log", servers.console)
    _summary(walker, time.monotonic() - begun)


def _why_simulated(state: State, simulate: int | None) -> str:
    """Why no real machine can be had; empty when one can. Starts libvirt's daemons where nobody else would."""
    from pileus.cli import libvirtd
    from pileus.cli.checks.findings import Patient
    from pileus.cli.checks.machine import simulated

    if simulate:
        return f"--simulate {simulate}"
    facts = state.facts()
    if facts is not None:
        return "the cloud that runs here was started so" if simulated(Patient(state, None, None, facts)) else ""
    if os.geteuid() != 0:
        return "real ones need root"
    if not libvirtd.installed():
        return "libvirt is not installed (make setup installs it)"
    libvirtd.start_missing(state)
    return ""


def _start(walker: Any, simulate: int | None, password: str | None) -> str:
    from pileus.cli.checks.findings import Patient
    from pileus.cli.checks.machine import simulated
    from pileus.cli.up import start_or_find

    hosts = simulate or (0 if walker.real else SIMULATED_HOSTS)
    flags = {"PILEUS_CLOUD_SIMULATE": str(hosts)} if hosts else {}
    facts, logins = start_or_find(walker.state, None, flags, password)
    if walker.real and simulated(Patient(walker.state, None, None, facts)):
        walker.real = False
        walker.out.say(f"machines are simulated: {facts['drivers'].get('hypervisor', '')}")
    walker.found["passwords"] = logins.passwords if logins.new else {}
    walker.cloud = _connect(walker.state)
    drivers = ", ".join(f"{family}: {chosen}" for family, chosen in facts.get("drivers", {}).items())
    for note in facts.get("notes", []):
        walker.out.say(f"  note: {note}")
    return f"pid {facts['pid']}, {drivers}"


def _connect(state: State) -> Any:
    try:
        import openstack
        from openstack.config import OpenStackConfig
    except ImportError:
        raise Failure("openstacksdk is not installed", "make setup, or pip install 'pileus[client]'") from None
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ.pop(variable, None)  # the cloud is on this machine
    config = OpenStackConfig(config_files=[str(state.clouds_file)], load_envvars=False).get_one("pileus")
    return openstack.connection.Connection(config=config, app_name="pileus-quickstart")


def _summary(walker: Any, seconds: float) -> None:
    from pileus.cli.walk.servers import write_login

    out, state = walker.out, walker.state
    out.say()
    out.table(
        ("step", "seconds"), [(told.step, f"{told.seconds:.1f}") for told in walker.told] + [("all", f"{seconds:.1f}")]
    )
    out.say()
    if walker.found["passwords"]:
        out.say("passwords, shown this once: " + ", ".join(f"{u} {w}" for u, w in walker.found["passwords"].items()))
    login = str(write_login(walker)) if walker.real else None
    if login:
        out.say(f"log in:       {login}")
    out.say(f"use it:       export OS_CLIENT_CONFIG_FILE={state.clouds_file} OS_CLOUD=pileus")
    out.say("              openstack server list")
    out.say("stop:         pileus down            (the server goes on running)")
    out.say("delete all:   pileus down --purge    (make clean-cloud)")
    out.result(
        {
            "real": walker.real,
            "seconds": round(seconds, 2),
            "steps": [{"step": t.step, "result": t.result, "seconds": t.seconds} for t in walker.told],
            "server": walker.found["server"].id,
            "address": walker.found["address"],
            "login": login,
            "clouds": str(state.clouds_file),
            "passwords": walker.found["passwords"],
        }
    )
