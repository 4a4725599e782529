"""How fast identity is, as ratios to a hello-JSON app on the same server in the same run.

Rates are per second of the server's own CPU time: what one core does, whoever else uses the machine meanwhile.

`make bench`, or `python tests/bench/identity.py [NAMES]` with any of: login token lists tree.
Needs `wrk` (Debian package wrk). Nothing is asserted: the table is for reading.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

from rig import PASSWORD, PORTS, SHIFT, SOURCE, Cloud, hello, say, wrk

sys.path.insert(0, SOURCE)
PORT = PORTS["identity"] + SHIFT
LOGIN = {
    "auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}},
        },
        "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
    }
}


def hash_alone() -> float:
    """Milliseconds of one argon2id verification's CPU with the settings of a fresh cloud."""
    from pileus.services.identity.core.passwords import Passwords
    from pileus.services.identity.core.settings import IdentitySettings

    async def measure() -> float:
        passwords = Passwords(IdentitySettings())
        hashed = await passwords.hash(PASSWORD)
        times = []
        for _ in range(20):
            began = time.process_time()
            assert await passwords.verify(hashed, PASSWORD)
            times.append(time.process_time() - began)
        passwords.close()
        return statistics.median(times) * 1000

    return asyncio.run(measure())


def rate(cloud: Cloud, path: str, base: float, name: str, aim: str, *headers: str) -> None:
    found = wrk(PORT, path, cloud.token, headers=headers, pid=cloud.process.pid)
    say(name, f"{found:,.0f}/s", aim, f"{found / base:.3f}")


def login(cloud: Cloud, base: float) -> None:
    alone = hash_alone()
    say("argon2id alone", f"{alone:.1f} ms", "-")
    script = f'wrk.method="POST"; wrk.headers["Content-Type"]="application/json"; wrk.body=[[{json.dumps(LOGIN)}]]'
    found = wrk(PORT, "/v3/auth/tokens", script=script, pid=cloud.process.pid)
    say("password login", f"{found:,.0f}/s", f"the hash: {1000 / alone:,.0f}/s", f"{found / base:.4f}")


def fill(cloud: Cloud) -> None:
    """A thousand users, a thousand projects, and a tree five deep with inherited and implied roles through groups."""
    for number in range(1000):
        cloud.call(
            "identity", "POST", "/v3/users", {"user": {"name": f"user-{number:04}", "email": "somebody@example.org"}}
        )
        cloud.call("identity", "POST", "/v3/projects", {"project": {"name": f"project-{number:04}"}})


def tree(cloud: Cloud) -> tuple[str, str, str]:
    """(root, a leaf, a user): 3 projects below each of 5 levels' first, 10 users in each of 3 groups."""
    roles = {r["name"]: r["id"] for r in cloud.call("identity", "GET", "/v3/roles")["roles"]}
    users = [u["id"] for u in cloud.call("identity", "GET", "/v3/users?name__startswith=user-")["users"]]
    parent = root = leaf = first = ""
    for level in range(4):
        for n in range(3):
            body = {"project": {"name": f"tree-{level}-{n}", **({"parent_id": parent} if level else {})}}
            leaf = cloud.call("identity", "POST", "/v3/projects", body)["project"]["id"]
            root = root or leaf
            first = leaf if not n else first
        parent = first
    for g in range(3):
        group = cloud.call("identity", "POST", "/v3/groups", {"group": {"name": f"group-{g}"}})["group"]["id"]
        for user in users[g * 10 : g * 10 + 10]:
            cloud.call("identity", "PUT", f"/v3/groups/{group}/users/{user}")
        role = roles[("admin", "manager", "member")[g]]
        cloud.call(
            "identity", "PUT", f"/v3/OS-INHERIT/projects/{root}/groups/{group}/roles/{role}/inherited_to_projects"
        )
        cloud.call("identity", "PUT", f"/v3/projects/{leaf}/users/{users[g]}/roles/{roles['reader']}")
    return root, leaf, users[0]


def main(wanted: list[str]) -> None:
    def on(name: str) -> bool:
        return not wanted or name in wanted

    base = hello(by_cpu=True)
    say("hello-JSON on the same server", f"{base:,.0f}/s", "-", "1.00")
    cloud = Cloud(PILEUS_CLOUD_SYNCHRONOUS="OFF")
    try:
        if on("token"):
            check = f"X-Subject-Token: {cloud.token}"
            rate(cloud, "/v3/auth/tokens", base, "token check, with catalog", ">= 0.5", check)
            rate(cloud, "/v3/auth/tokens?nocatalog", base, "token check, without", "-", check)
        if on("lists") or on("tree"):
            fill(cloud)
        if on("lists"):
            for noun in ("users", "projects"):
                rate(cloud, f"/v3/{noun}", base, f"list of 1,000 {noun}", "-")
                rate(cloud, f"/v3/{noun}?limit=100", base, f"list of 100 {noun}", ">= 0.1")
        if on("tree"):
            root, leaf, user = tree(cloud)
            path = "/v3/role_assignments?effective"
            rate(cloud, f"{path}&scope.project.id={leaf}", base, "effective assignments on a leaf", "-")
            rate(
                cloud,
                f"{path}&scope.project.id={root}&include_subtree",
                base,
                "effective assignments of a tree",
                "-",
            )
            rate(cloud, f"{path}&user.id={user}&include_names", base, "effective assignments of a user", "-")
        if on("login"):
            login(cloud, base)
    finally:
        cloud.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
