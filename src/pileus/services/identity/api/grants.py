"""Giving and taking roles: every path that names a role, an actor and a target."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.roles import Roles
from pileus.services.identity.core import grants
from pileus.services.identity.core.grants import Place
from pileus.services.identity.db.assignments import SYSTEM, Actor, Target
from pileus.services.identity.db.roles import RoleRow

_ENDS = "/inherited_to_projects"


class Grants:
    """The forms `/v3[/OS-INHERIT]/{target}s/{id}/{actor}s/{id}/roles[/{id}][/inherited_to_projects]` and `/v3/system/…`."""

    def __init__(self, roles: Roles, dialect: KeystoneDialect) -> None:
        self.roles, self.near, self.dialect = roles, roles.near, dialect

    def all_operations(self) -> list[Operation]:
        found: list[Operation] = []
        actors: tuple[Actor, ...] = ("user", "group")
        for actor in actors:
            for target in ("project", "domain"):
                found += self._forms(actor, target, inherited=False)
                found += self._forms(actor, target, inherited=True)
            found += self._forms(actor, "system", inherited=False)
        return found

    def _forms(self, actor: Actor, target: Target, inherited: bool) -> list[Operation]:
        where = "/v3/system" if target == "system" else f"/v3/{target}s/{{{target}_id}}"
        if inherited:
            where = where.replace("/v3/", "/v3/OS-INHERIT/")
        many = f"{where}/{actor}s/{{{actor}_id}}/roles"
        one = f"{many}/{{role_id}}"
        if inherited:
            many, one = many + _ENDS, one + _ENDS
        if target == "system":
            rules = {v: f"identity:{v}_system_grant_for_{actor}" for v in ("check", "create", "revoke")}
            rules["list"] = f"identity:list_system_grants_for_{actor}"
        else:
            rules = {v: f"identity:{v}_grant" for v in ("check", "create", "revoke")} | {"list": "identity:list_grants"}
        form = _Form(self, actor, target, inherited, rules)
        words = f"a role of a {actor} on {'the system' if target == 'system' else f'a {target}'}"
        words += ", inherited by the projects below" if inherited else ""
        return [
            _op("GET", many, f"List {words}.", form.list, asks=rules["list"], view=self.view_list),
            _op("GET", one, f"Check {words}.", form.check, asks=rules["check"], answers=204),
            _op("PUT", one, f"Give {words}.", form.give, asks=rules["create"], answers=204),
            _op("DELETE", one, f"Take {words}.", form.take, asks=rules["revoke"], answers=204),
        ]

    def view_list(self, request: Request, rows: list[RoleRow]) -> Any:
        views = [self.roles.view(request, row, "list") for row in rows]
        return self.dialect.collection(request, "roles", views)


class _Form:
    """One family of paths."""

    def __init__(self, of: Grants, actor: Actor, target: Target, inherited: bool, rules: dict[str, str]) -> None:
        self.near, self.actor, self.target, self.inherited, self.rules = of.near, actor, target, inherited, rules

    def _place(self, tx: Tx, request: Request, verb: str) -> tuple[Place, grants.Parties]:
        params = request.params
        place = Place(
            actor=self.actor,
            actor_id=params[f"{self.actor}_id"],
            target=self.target,
            target_id=SYSTEM if self.target == "system" else params[f"{self.target}_id"],
            role_id=params.get("role_id", ""),
            inherited=self.inherited,
        )
        parties = grants.find_parties(tx, place)
        if self.target != "system":
            grants.check_parties(place, parties, actor=verb != "revoke")
        request.enforce(self.rules[verb], grants.policy_target(place, parties))
        return place, parties

    def list(self, tx: Tx, request: Request) -> Any:
        place, parties = self._place(tx, request, "list")
        grants.check_parties(place, parties)
        return grants.roles_given(tx, place)

    def check(self, tx: Tx, request: Request) -> None:
        place, parties = self._place(tx, request, "check")
        grants.check_parties(place, parties)
        grants.check(tx, place)

    def give(self, tx: Tx, request: Request) -> None:
        place, parties = self._place(tx, request, "create")
        grants.give(tx, self.near, request.ctx, place, parties)

    def take(self, tx: Tx, request: Request) -> None:
        place, parties = self._place(tx, request, "revoke")
        grants.check_parties(place, parties, actor=False)
        grants.take(tx, self.near, request.ctx, place)


def _op(method: str, path: str, summary: str, decide: Any, **more: Any) -> Operation:
    return Operation(method=method, path=path, resource="grant", decide=decide, summary=summary, **more)
