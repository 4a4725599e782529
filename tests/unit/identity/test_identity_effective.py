"""Effective roles are what their definition says, whatever the tree, the groups and the implications."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_cloud import CHEAP, Cloud
from pileus.kernel.db import Database, Tx
from pileus.kernel.types import SECOND, Unauthorized
from pileus.kernel.types import cloud as the_cloud
from pileus.services.identity.core import access, effective, naming
from pileus.services.identity.core.effective import Question
from pileus.services.identity.core.inference import RoleGraph
from pileus.services.identity.core.tokens import Claims
from pileus.services.identity.core.validation import open_session
from pileus.services.identity.db import assignments, groups, projects, roles, users
from pileus.services.identity.db.assignments import SYSTEM, Grant
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.roles import RoleRow
from pileus.services.identity.db.users import UserRow

USERS, GROUPS, ROLES = ["u0", "u1", "u2"], ["g0", "g1"], ["r0", "r1", "r2", "r3", "own"]


@dataclass
class World:
    """A small cloud: `parents[i]` is the index of project i's parent, -1 for the domain."""

    parents: list[int]
    members: set[tuple[str, str]]
    implies: set[tuple[str, str]]
    grants: set[tuple[str, str, str, str, str, bool]]
    ids: list[str] = field(default_factory=list)

    def ancestors(self, project: str) -> list[str]:
        found, at = [], self.parents[int(project[1:])]
        while at >= 0:
            found.append(f"p{at}")
            at = self.parents[at]
        return [*found, "dom"]

    def closure(self, role: str) -> set[str]:
        found = {role}
        while True:
            more = {b for a, b in self.implies if a in found} - found
            if not more:
                return found
            found |= more

    def roles_on(self, user: str, target: str, target_id: str) -> set[str]:
        """The definition, word by word."""
        actors = {("user", user)} | {("group", g) for u, g in self.members if u == user}
        direct: set[str] = set()
        for actor, actor_id, kind, id, role, inherited in self.grants:
            if (actor, actor_id) not in actors:
                continue
            reaches = (kind, id) == (target, target_id) and not inherited
            flows = target == "project" and inherited and id in self.ancestors(target_id)
            if reaches or flows:
                direct.add(role)
        return {implied for role in direct for implied in self.closure(role)} - {"own"}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    count = draw(st.integers(1, 6))
    parents = [draw(st.integers(-1, i - 1)) for i in range(count)]
    places = [("domain", "dom"), ("system", SYSTEM), *(("project", f"p{i}") for i in range(count))]
    actors = [("user", u) for u in USERS] + [("group", g) for g in GROUPS]
    grant = st.tuples(st.sampled_from(actors), st.sampled_from(places), st.sampled_from(ROLES), st.booleans())
    grants = {
        (*actor, *place, role, inherited and place[0] != "system")
        for actor, place, role, inherited in draw(st.lists(grant, max_size=10))
    }
    members = draw(st.sets(st.tuples(st.sampled_from(USERS), st.sampled_from(GROUPS)), max_size=5))
    implies = draw(st.sets(st.tuples(st.sampled_from(ROLES), st.sampled_from(ROLES[:4])), max_size=6))
    return World(parents, members, implies, grants)


class Undo(Exception):
    """Leaves the database as it was."""


def build(tx: Tx, world: World) -> None:
    projects.add(tx, ProjectRow("dom", "", "", "/dom/", "dom", "", True, True, [], {}, {}))
    paths = ["" for _ in world.parents]
    for i, parent in enumerate(world.parents):
        above = "/dom/" if parent < 0 else paths[parent]
        paths[i] = f"{above}p{i}/"
        up = "dom" if parent < 0 else f"p{parent}"
        projects.add(tx, ProjectRow(f"p{i}", "dom", up, paths[i], f"p{i}", "", True, False, [], {}, {}))
    for user in USERS:
        users.add(tx, UserRow(user, "dom", user, True, None, None, None, None, 0, 0, {}, {}))
    for group in GROUPS:
        groups.add(tx, groups.GroupRow(group, "dom", group, "", {}))
    for role in ROLES:
        roles.add(tx, RoleRow(role, "dom" if role == "own" else "", role, None, {}, {}))
    for user, group in world.members:
        groups.join(tx, user, group)
    for prior, implied in world.implies:
        roles.imply(tx, prior, implied)
    for grant in world.grants:
        assignments.add(tx, Grant(*grant))  # type: ignore[arg-type]


@pytest.fixture
async def near(database: Database) -> Cloud:
    return Cloud(database, **CHEAP)


@given(world=worlds())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_roles_are_what_the_definition_says(near: Cloud, world: World) -> None:
    def check(tx: Tx) -> None:
        build(tx, world)
        graph = RoleGraph(roles.everything(tx), roles.implied_pairs(tx))
        listed: dict[tuple[str, str, str], set[str]] = {}
        for one in effective.effective(tx, near.near, Question()):
            assert one.actor == "user"
            listed.setdefault((one.actor_id, one.target, one.target_id), set()).add(one.role_id)
        places = [("project", f"p{i}") for i in range(len(world.parents))]
        for user in USERS:
            for kind, id in [*places, ("domain", "dom"), ("system", SYSTEM)]:
                expected = world.roles_on(user, kind, id)
                row = projects.find(tx, id)
                above = row.ancestors if row is not None and kind == "project" else []
                granted = assignments.roles_on(tx, user, kind, id, above)  # type: ignore[arg-type]
                assert {role.id for role in graph.effective(granted)} == expected
                if kind != "system":
                    assert listed.get((user, kind, id), set()) == expected
                narrow = Question(
                    user_id=user,
                    project_id=id if kind == "project" else "",
                    domain_id=id if kind == "domain" else "",
                    system=kind == "system",
                )
                assert {one.role_id for one in effective.effective(tx, near.near, narrow)} == expected
            reachable = {id for kind, id in places if world.roles_on(user, kind, id)}
            assert access.project_ids(tx, near.near, user) == reachable
            assert {row.id for row in access.enterable(tx, near.near, user)} == reachable
            own = {"dom"} if world.roles_on(user, "domain", "dom") else set()
            assert {row.id for row in access.domains_of(tx, near.near, user)} == own
            assert access.may_system(tx, near.near, user) == bool(world.roles_on(user, "system", SYSTEM))
            check_tokens(tx, near, world, user)
        raise Undo

    with pytest.raises(Undo):
        await near.db.write(check)


def check_tokens(tx: Tx, near: Cloud, world: World, user: str) -> None:
    """A token opens exactly where there is a role, and bears exactly those roles."""
    places = [("project", f"p{i}") for i in range(len(world.parents))] + [("domain", "dom"), ("system", SYSTEM)]
    for scope, target in places:
        claims = Claims(
            user_id=user, methods=("password",), scope=scope, target_id=target, issued_at=tx.now, expires_at=tx.now + SECOND,
            audit_id="", parent_id="", epoch=0,
        )  # type: ignore[arg-type]  # fmt: skip
        expected = world.roles_on(user, scope, target)
        try:
            session = open_session(tx, near.near, claims)
        except Unauthorized:
            assert not expected
        else:
            assert {role.id for role in session.roles} == expected


@given(world=worlds(), data=st.data())
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_every_question_is_answered_by_the_definition(near: Cloud, world: World, data: st.DataObject) -> None:
    """`role_assignments` in all its forms: by user or group, on a project, domain or the system, of a role, inherited or not,
    as made or as it takes effect, with names and below a project.
    """
    asked = Question(
        **data.draw(st.sampled_from([{}, *({"user_id": u} for u in USERS), *({"group_id": g} for g in GROUPS)])),
        **data.draw(st.sampled_from([{}, {"project_id": "p0"}, {"project_id": "p0", "subtree": True}, {"domain_id": "dom"}, {"system": True}])),
        role_id=data.draw(st.sampled_from(["", *ROLES])),
        inherited=data.draw(st.sampled_from([None, True, False])),
    )  # fmt: skip

    def check(tx: Tx) -> None:
        build(tx, world)
        made = effective.granted(tx, asked)
        shown = {(o.actor, o.actor_id, o.target, o.target_id, o.role_id, o.inherited) for o in made}
        assert len(made) == len(shown)
        assert shown == {grant for grant in world.grants if fits(world, asked, *grant)}
        if asked.group_id:  # the API refuses it
            raise Undo
        found = effective.effective(tx, near.near, asked)
        wanted = {
            (user, kind, id, role, inherited)
            for user, kind, id, role, inherited in reached(world)
            if fits(world, asked, "user", user, kind, id, role, inherited) and (kind != "system" or asked.system)
        }
        assert {(o.actor_id, o.target, o.target_id, o.role_id, o.inherited) for o in found} == wanted
        names = naming.look_up(tx, found)
        assert all(
            names.actors[o.actor_id].name == o.actor_id and names.roles[o.role_id].name == o.role_id for o in found
        )
        raise Undo

    with pytest.raises(Undo):
        await near.db.write(check)


def fits(
    world: World, asked: Question, actor: str, actor_id: str, kind: str, id: str, role: str, inherited: bool
) -> bool:
    """A question's conditions, one by one."""
    below = {f"p{i}" for i in range(len(world.parents)) if asked.project_id in world.ancestors(f"p{i}")}
    return (
        (not asked.user_id or (actor, actor_id) == ("user", asked.user_id))
        and (not asked.group_id or (actor, actor_id) == ("group", asked.group_id))
        and (not asked.project_id or (kind, id) == ("project", asked.project_id) or (asked.subtree and id in below))
        and (not asked.domain_id or (kind, id) == ("domain", asked.domain_id))
        and (not asked.system or kind == "system")
        and (not asked.role_id or role == asked.role_id)
        and asked.inherited in (None, inherited)
    )


def reached(world: World) -> set[tuple[str, str, str, str, bool]]:
    """Who has which role where, and whether by inheritance: grant by grant, word by word."""
    found = set()
    for actor, actor_id, kind, id, role, inherited in world.grants:
        holders = [actor_id] if actor == "user" else [u for u, g in world.members if g == actor_id]
        projects_below = [f"p{i}" for i in range(len(world.parents)) if id in world.ancestors(f"p{i}")]
        targets = [("project", p) for p in projects_below] if inherited else [(kind, id)]
        for user in holders:
            for implied in world.closure(role) - {"own"}:
                found |= {(user, *target, implied, inherited) for target in targets}
    return found


@given(world=worlds(), data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_filters_only_narrow(near: Cloud, world: World, data: st.DataObject) -> None:
    """Every filtered answer is the matching part of the whole one."""
    role = data.draw(st.sampled_from(ROLES[:4]))
    project = f"p{data.draw(st.integers(0, len(world.parents) - 1))}"
    inherited = data.draw(st.sampled_from([None, True, False]))

    def check(tx: Tx) -> None:
        build(tx, world)
        whole = effective.effective(tx, near.near, Question())
        below = {project, *(p for p in (f"p{i}" for i in range(len(world.parents))) if project in world.ancestors(p))}
        for subtree in (False, True):
            asked = Question(role_id=role, project_id=project, inherited=inherited, subtree=subtree)
            wanted = [
                one
                for one in whole
                if one.role_id == role
                and one.target == "project"
                and one.target_id in (below if subtree else {project})
                and inherited in (None, one.inherited)
            ]
            found = effective.effective(tx, near.near, asked)
            assert sorted(map(repr, found)) == sorted(map(repr, wanted))
        raise Undo

    with pytest.raises(Undo):
        await near.db.write(check)


async def test_the_number_of_queries_does_not_grow(near: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deep or shallow, few or many: the same number of queries."""
    counts = []
    for depth in (1, 5):
        world = World(
            parents=[-1, *range(depth - 1)],
            members={("u0", "g0"), ("u1", "g0"), ("u2", "g1")},
            implies={("r0", "r1"), ("r1", "r2")},
            grants={("group", "g0", "domain", "dom", "r0", True), ("user", "u0", "project", "p0", "r0", True)},
        )

        def check(tx: Tx, world: World = world) -> None:
            build(tx, world)
            asked = 0
            real_run, real_execute = Tx._run, Tx.execute

            def run(self: Tx, *args: object) -> object:
                nonlocal asked
                asked += 1
                return real_run(self, *args)  # type: ignore[arg-type]

            def execute(self: Tx, *args: object, **more: object) -> object:
                nonlocal asked
                asked += 1
                return real_execute(self, *args, **more)  # type: ignore[arg-type]

            monkeypatch.setattr(Tx, "_run", run)
            monkeypatch.setattr(Tx, "execute", execute)
            effective.effective(tx, near.near, Question())
            monkeypatch.undo()
            counts.append(asked)
            raise Undo

        with pytest.raises(Undo):
            await near.db.write(check)
    assert counts[0] == counts[1] <= 8


async def test_a_wide_tree(near: Cloud) -> None:
    """More projects than SQLite takes alternatives in one condition."""

    def check(tx: Tx) -> None:
        count = 1500
        world = World([-1] + [0] * (count - 1), set(), set(), {("user", "u0", "project", "p0", "r0", True)})
        build(tx, world)
        found = effective.effective(tx, near.near, Question(project_id="p0", subtree=True))
        assert len(found) == count - 1
        assert len(effective.granted(tx, Question(project_id="p0", subtree=True))) == 1
        assert len(access.project_ids(tx, near.near, "u0")) == count - 1
        raise Undo

    with pytest.raises(Undo):
        await near.db.write(check)


async def test_many_small_trees(near: Cloud) -> None:
    def check(tx: Tx) -> None:
        parents = [p for i in range(20) for p in (-1, 2 * i)]
        tops = {("user", "u0", "project", f"p{2 * i}", "r0", True) for i in range(20)}
        build(tx, World(parents, set(), set(), tops))
        assert access.project_ids(tx, near.near, "u0") == {f"p{2 * i + 1}" for i in range(20)}
        raise Undo

    with pytest.raises(Undo):
        await near.db.write(check)


def test_the_cloud_itself_is_admin() -> None:
    assert the_cloud().roles == {"admin"}


async def test_grants_on_more_projects_than_a_statement_has_parameters(database: Database) -> None:
    """(SQLite takes 32,766 of them, PostgreSQL's protocol 65,535.)"""
    wanted: list[tuple[assignments.Target, str]] = [("project", f"p{n}") for n in range(70_000)]

    def look(tx: Tx) -> list[Grant]:
        assignments.add(tx, Grant("user", "u0", "project", "p69999", "r0", False))
        assignments.add(tx, Grant("user", "u0", "domain", "p69999", "r0", False))
        return assignments.select_grants(tx, actors=[("user", "u0")], targets=wanted, inherited=False)

    assert await database.write(look) == [Grant("user", "u0", "project", "p69999", "r0", False)]


async def test_grants_of_nobody_are_none(database: Database) -> None:
    def look(tx: Tx) -> list[Grant]:
        assignments.add(tx, Grant("user", "u0", "project", "p0", "r0", False))
        return assignments.select_grants(tx, actors=[])

    assert await database.write(look) == []
