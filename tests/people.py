"""Callers of all kinds on a live cloud."""

from __future__ import annotations

import httpx

from cloud import PASSWORD, LiveCloud


def people(live: LiveCloud) -> dict[str, str]:
    """Callers of all kinds: tokens as `<WHO>_TOKEN`, ids as `<WHO>_PROJECT` and `<WHO>_USER`.

    ADMIN (admin on project admin), SYSTEM (admin on the system), DEMO (member on demo), READER and MANAGER (on demo), OTHER
    (member on a project of its own), UNSCOPED (demo without scope).
    """
    admin = live.client("admin")
    identity = "/identity/v3"
    projects = {p["name"]: p["id"] for p in admin.get(f"{identity}/projects").json()["projects"]}
    roles = {r["name"]: r["id"] for r in admin.get(f"{identity}/roles").json()["roles"]}
    users = {u["name"]: u["id"] for u in admin.get(f"{identity}/users").json()["users"]}
    projects["other"] = _made(admin.post(f"{identity}/projects", json={"project": {"name": "other"}}))["project"]["id"]
    found = {}
    for name, project, role in (
        ("reader", "demo", "reader"),
        ("manager", "demo", "manager"),
        ("other", "other", "member"),
    ):
        body = {"user": {"name": name, "password": PASSWORD}}
        users[name] = _made(admin.post(f"{identity}/users", json=body))["user"]["id"]
        granted = admin.put(f"{identity}/projects/{projects[project]}/users/{users[name]}/roles/{roles[role]}")
        assert granted.status_code == 204, granted.text
    for name, project in (
        ("admin", "admin"),
        ("demo", "demo"),
        ("reader", "demo"),
        ("manager", "demo"),
        ("other", "other"),
    ):
        upper = name.upper()
        found[f"{upper}_TOKEN"] = live.token(name, {"project": {"id": projects[project]}})
        found[f"{upper}_PROJECT"], found[f"{upper}_USER"] = projects[project], users[name]
    found["SYSTEM_TOKEN"] = live.token("admin", {"system": {"all": True}})
    found["UNSCOPED_TOKEN"] = live.token("demo")
    found["CLOUD"] = live.url
    found |= {f"ROLE_{name.upper()}": role_id for name, role_id in roles.items()}
    return found


def _made(answer: httpx.Response) -> dict[str, dict[str, str]]:
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]
