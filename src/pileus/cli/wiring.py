"""The one place where the command line touches `pileus.app`. Imports it late: it brings every service along."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pileus.cli.output import Failure
from pileus.cli.state import State, write_private

if TYPE_CHECKING:
    from pileus.kernel.config import Section, Settings
    from pileus.kernel.policy import Policy


class App(Protocol):
    """What `pileus.app` owes the command line."""

    SECTIONS: Mapping[str, type[Section]]
    MODULES: Mapping[str, Any]
    """Services by name; each has its `RULES`."""

    async def serve(self, settings: Settings, state: Path, ready: Callable[[Mapping[str, object]], None]) -> None: ...

    async def purge(self, settings: Settings, state: Path) -> list[str]: ...

    async def migrate(self, settings: Settings, state: Path) -> str: ...

    async def bootstrap(self, settings: Settings, state: Path) -> None: ...


def app() -> App:
    module: Any = importlib.import_module(os.environ.get("PILEUS_APP", "pileus.app"))
    return module  # type: ignore[no-any-return]


def settings_of(state: State, config: Path | None = None, flags: Mapping[str, str] | None = None) -> Settings:
    """Settings from `config`, environment and flags, in this order.

    Without `config` and `flags` those of the last start count: `pileus doctor` speaks of the cloud that was started.
    `flags` are variables as the environment would have them. Raises `Failure` with every problem found.
    """
    from pileus.kernel.config import ConfigError, load

    last = last_start(state)
    if config is None and flags is None and last.get("config"):
        config = Path(last["config"])
    path = config or (state.config_file if state.config_file.exists() else None)
    flags = last.get("flags", {}) if flags is None else flags
    try:
        return load(app().SECTIONS, path, {**os.environ, **flags})
    except ConfigError as error:
        raise Failure("the configuration cannot be used:\n  " + "\n  ".join(error.problems)) from None


def remember_start(state: State, config: Path | None, flags: Mapping[str, str]) -> None:
    """Keeps how the cloud was started. No secret is among it."""
    told = {"config": str(config.absolute()) if config else None, "flags": dict(flags)}
    write_private(state.run / "start.json", json.dumps(told))


def last_start(state: State) -> dict[str, Any]:
    try:
        return dict(json.loads((state.run / "start.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def database_url(settings: Settings, state: State) -> str:
    """Where the rows are: `[cloud] database`, else SQLite in the state."""
    cloud = app().SECTIONS.get("cloud")
    named = getattr(settings.of(cloud), "database", "") if cloud else ""
    return named or f"sqlite:///{state.database_file}"


def policies_of(state: State) -> dict[str, Policy]:
    """Every service's rules, with the operator's overrides, by the service's name."""
    from pileus.kernel.policy import Policy, PolicyError, load_overrides

    settings = settings_of(state)
    folder = getattr(settings.of(app().SECTIONS["cloud"]), "policy_dir", "")
    found = {}
    for name, module in app().MODULES.items():
        path = Path(folder) / f"{name}.yaml"
        try:
            found[name] = Policy(module.RULES, load_overrides(path) if folder and path.exists() else {})
        except PolicyError as error:
            raise Failure(str(error)) from None
    return found
