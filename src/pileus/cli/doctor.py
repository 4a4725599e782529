"""`pileus doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import click
import msgspec

from pileus.cli.checks.findings import Finding, Patient
from pileus.cli.output import Failure, Output, speaks
from pileus.cli.state import State, state_option


@click.command()
@state_option
@click.pass_context
@speaks
def doctor(out: Output, ctx: click.Context, state: State) -> None:
    """Look for what is wrong and say what to do. Exit code 1 when there is a problem; warnings are no problem."""
    findings = examine(state)
    marks = {"ok": "ok", "warning": "WARN", "problem": "PROBLEM"}
    for finding in findings:
        out.say(f"{marks[finding.level]:8} {finding.check:12} {finding.found}")
        if finding.advice:
            out.say(f"{'':8} {'':12} -> {finding.advice}")
    problems = sum(f.level == "problem" for f in findings)
    warnings = sum(f.level == "warning" for f in findings)
    out.say(f"\n{problems} problems, {warnings} warnings")
    out.result({"problems": problems, "warnings": warnings, "findings": [msgspec.to_builtins(f) for f in findings]})
    ctx.exit(1 if problems else 0)


def examine(state: State) -> list[Finding]:
    """All checks on one cloud. A check that breaks is itself a finding: the others still speak."""
    from pileus.cli.checks import database, machine, process
    from pileus.cli.wiring import settings_of

    findings = []
    try:
        settings = settings_of(state)
    except Failure as failure:
        settings = None
        findings.append(
            Finding("configuration", "problem", failure.message, "pileus config show --all has every option")
        )
    patient = Patient(state, settings, state.holder(), state.facts() or {})
    checks = (
        *(process.process, process.listeners, process.health, process.reconcilers, process.complaints),
        *(database.database, database.sagas, database.objects, process.disk, process.secrets),
        *(machine.drivers, machine.virtualization, machine.programs, machine.kernel, machine.leftovers),
    )
    for check in checks:
        try:
            findings += check(patient)
        except Exception as error:
            findings.append(Finding(check.__name__, "problem", f"could not look: {error!r}", "please report this"))
    return findings
