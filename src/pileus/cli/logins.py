"""Passwords of a new cloud, and the files by which clients log in: `clouds.yaml` and `openrc`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from pileus.cli.output import Failure
from pileus.cli.state import State, write_private

CLOUDS = {"pileus": ("admin", "admin"), "pileus-demo": ("demo", "demo")}
"""Cloud name in `clouds.yaml` to (user, project)."""


class Logins(Struct, frozen=True):
    """Passwords by user name; `new` when they were made just now."""

    passwords: dict[str, str]
    new: bool

    @property
    def environment(self) -> dict[str, str]:
        """As settings, for identity's bootstrap."""
        return {f"PILEUS_IDENTITY_{user.upper()}_PASSWORD": word for user, word in self.passwords.items()}


def logins_of(state: State, password: str | None = None) -> Logins:
    """The state's passwords: kept ones, else `password`, else random ones.

    Raises `Failure` when `password` is given and the state already has others: the cloud would not know it.
    """
    kept = {user: word for cloud, (user, _) in CLOUDS.items() if (word := _kept(state, cloud)) is not None}
    if len(kept) == len(CLOUDS):
        if password is not None and set(kept.values()) != {password}:
            raise Failure(
                f"{state.path} was set up with another password",
                "--password is for the first start; afterwards: openstack user password set, or pileus bootstrap",
            )
        return Logins(kept, False)
    made = {user: password or secrets.token_urlsafe(12) for user, _ in CLOUDS.values()}
    return Logins({**made, **kept}, True)


def write_logins(state: State, logins: Logins, auth_url: str, region: str = "RegionOne") -> None:
    """Writes both files anew, so that they always speak of the address that answers now."""
    import yaml

    document: dict[str, dict[str, Any]] = {
        cloud: {
            "auth": {
                "auth_url": auth_url,
                "username": user,
                "password": logins.passwords[user],
                "project_name": project,
                "user_domain_id": "default",
                "project_domain_id": "default",
            },
            "region_name": region,
            "identity_api_version": 3,
            "interface": "public",
        }
        for cloud, (user, project) in CLOUDS.items()
    }
    system = {**document["pileus"], "auth": _system(document["pileus"]["auth"])}
    head = "# Written by `pileus up`. Use: export OS_CLIENT_CONFIG_FILE=THIS_FILE OS_CLOUD=pileus\n"
    clouds = {"clouds": {**document, "pileus-system": system}}
    write_private(state.clouds_file, head + yaml.safe_dump(clouds, sort_keys=False))
    write_private(state.openrc_file, openrc_text(state, "pileus"))


def openrc_text(state: State, cloud: str) -> str:
    """Shell lines that make old and new clients log in. Raises `Failure` when the state has no such cloud."""
    found = _read(state).get(cloud)
    if found is None:
        known = ", ".join(_read(state)) or "none yet"
        raise Failure(f"{state.clouds_file} has no cloud {cloud!r} (there is: {known})", "start it first: pileus up")
    auth = found["auth"]
    variables = {
        "OS_AUTH_URL": auth["auth_url"],
        "OS_USERNAME": auth["username"],
        "OS_PASSWORD": auth["password"],
        "OS_PROJECT_NAME": auth.get("project_name"),
        "OS_USER_DOMAIN_ID": auth["user_domain_id"],
        "OS_PROJECT_DOMAIN_ID": auth.get("project_domain_id"),
        "OS_SYSTEM_SCOPE": auth.get("system_scope"),
        "OS_REGION_NAME": found["region_name"],
        "OS_IDENTITY_API_VERSION": "3",
        "OS_INTERFACE": "public",
    }
    unset = "unset OS_CLOUD OS_TOKEN OS_AUTH_TYPE OS_PROJECT_ID OS_TENANT_NAME OS_SYSTEM_SCOPE"
    return "\n".join([unset, *(f"export {k}={_quoted(str(v))}" for k, v in variables.items() if v)]) + "\n"


def _system(auth: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in auth.items() if not k.startswith("project")} | {"system_scope": "all"}


def _kept(state: State, cloud: str) -> str | None:
    word = _read(state).get(cloud, {}).get("auth", {}).get("password")
    return str(word) if word else None


def _read(state: State) -> dict[str, dict[str, dict[str, str]]]:
    import yaml

    try:
        document = yaml.safe_load(state.clouds_file.read_text(encoding="utf-8"))
        return dict(document["clouds"])
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise Failure(f"{state.clouds_file} cannot be read", "run as the user who started the cloud") from None
    except (yaml.YAMLError, KeyError, TypeError):
        raise Failure(f"{state.clouds_file} is damaged", "move it away; then pileus bootstrap --password NEW") from None


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
