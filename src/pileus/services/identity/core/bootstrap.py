"""What is there at first light: the domain, roles, projects, users and the catalog.

Every thing made is noted by name. A later start makes only what was never made, so that nothing an operator changed or
removed comes back; an upgrade brings its new roles and services all the same.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from pileus.contracts.identity import CatalogService
from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, cloud, new_hex
from pileus.services.identity.core import passwords, refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.users import update
from pileus.services.identity.db import assignments, catalog, projects, roles, seeds, users
from pileus.services.identity.db.assignments import SYSTEM, Grant, Target
from pileus.services.identity.db.catalog import EndpointRow, RegionRow, ServiceRow
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.roles import RoleRow
from pileus.services.identity.db.users import UserRow

ROLES = ("admin", "manager", "member", "reader")
"""Each implies the next."""
_EXTRA_ROLES = ("service", "ResellerAdmin")
"""Of services among themselves; of those who run all accounts of the object store."""
_INTERFACES = ("public", "internal", "admin")


class Bootstrap:
    """One run. `new_passwords` are those that were made up, by user; nobody can read them later."""

    def __init__(self, tx: Tx, near: Near) -> None:
        self.tx, self.near = tx, near
        self.ctx: Ctx = cloud()
        self.made = seeds.everything(tx)
        self.new_passwords: dict[str, str] = {}

    def run(self, services: Sequence[CatalogService]) -> None:
        domain = refusals.DEFAULT_DOMAIN
        self._once(f"domain:{domain}", lambda: self._domain(domain, "Default"))
        for name in (*ROLES, *_EXTRA_ROLES):
            self._once(f"role:{name}", partial(self._role, name))
        for prior, implied in pairwise(ROLES):
            self._once(f"implied:{prior}:{implied}", partial(self._imply, prior, implied))
        settings = self.near.settings
        self._once("project:admin", lambda: self._project("admin", "Bootstrap project for initializing the cloud."))
        self._once("user:admin", lambda: self._user("admin", "admin", "admin", settings.admin_password, system=True))
        self._once("project:demo", lambda: self._project("demo", "Project to try things in."))
        self._once("user:demo", lambda: self._user("demo", "demo", "member", settings.demo_password))
        self._once(f"region:{settings.region}", self._region)
        for service in services:
            self._service(service)

    def _once(self, name: str, make: Callable[[], None]) -> None:
        if name not in self.made:
            make()
            seeds.note(self.tx, name)
            self.made.add(name)

    def _domain(self, id: str, name: str) -> None:
        if projects.find(self.tx, id) is None:
            row = ProjectRow(id, "", "", f"/{id}/", name, "The default domain", True, True, [], {}, {})
            projects.add(self.tx, row)
            changed(self.tx, self.near, self.ctx, "domain.create", id, after=row)

    def _role(self, name: str) -> None:
        if roles.find_named(self.tx, name) is None:
            row = RoleRow(new_hex(), "", name, None, {"immutable": True}, {})
            roles.add(self.tx, row)
            changed(self.tx, self.near, self.ctx, "role.create", row.id, after=row)

    def _imply(self, prior: str, implied: str) -> None:
        first, second = roles.find_named(self.tx, prior), roles.find_named(self.tx, implied)
        if first and second and (first.id, second.id) not in roles.implied_pairs(self.tx):
            roles.imply(self.tx, first.id, second.id)
            data = {"implied_role_id": second.id}
            changed(self.tx, self.near, self.ctx, "role.imply", first.id, data=data)

    def _project(self, name: str, description: str) -> None:
        home = refusals.DEFAULT_DOMAIN
        if projects.find_named(self.tx, name, home) is None:
            id = new_hex()
            row = ProjectRow(id, home, home, f"/{home}/{id}/", name, description, True, False, [], {}, {})
            projects.add(self.tx, row)
            changed(self.tx, self.near, self.ctx, "project.create", id, after=row)

    def _user(self, name: str, project: str, role: str, password: str, system: bool = False) -> None:
        if users.find_named(self.tx, name, refusals.DEFAULT_DOMAIN) is not None:
            return
        if not password:
            password = self.new_passwords[name] = passwords.generate()
        id, now = new_hex(), self.tx.now
        hashed = self.near.passwords.hash_now(password)
        row = UserRow(id, refusals.DEFAULT_DOMAIN, name, True, None, hashed, now, None, 0, now, {}, {})
        users.add(self.tx, row)
        changed(self.tx, self.near, self.ctx, "user.create", id, after=row)
        home = projects.find_named(self.tx, project, refusals.DEFAULT_DOMAIN)
        if home is not None:
            self._grant(id, role, "project", home.id)
        if system:
            self._grant(id, role, "system", SYSTEM)

    def recover(self) -> None:
        """Whatever happened to them: admin and demo are there, may log in with the settings' passwords, and have their roles."""
        home = refusals.DEFAULT_DOMAIN
        self._domain(home, "Default")
        projects.change(self.tx, home, {"enabled": True})
        for name in (*ROLES, *_EXTRA_ROLES):
            self._role(name)
        for prior, implied in pairwise(ROLES):
            self._imply(prior, implied)
        settings = self.near.settings
        self._restore("admin", "admin", settings.admin_password, system=True)
        self._restore("demo", "member", settings.demo_password)

    def _restore(self, name: str, role: str, password: str, system: bool = False) -> None:
        self._project(name, "")
        self._user(name, name, role, password, system)
        user = users.find_named(self.tx, name, refusals.DEFAULT_DOMAIN)
        project = projects.find_named(self.tx, name, refusals.DEFAULT_DOMAIN)
        assert user is not None
        assert project is not None
        if password:
            hashed = self.near.passwords.hash_now(password)
            update(self.tx, self.near, self.ctx, user, {"enabled": True, "password_hash": hashed})
            users.change(self.tx, user.id, {"password_expires_at": None})
        projects.change(self.tx, project.id, {"enabled": True})
        self._grant(user.id, role, "project", project.id)
        if system:
            self._grant(user.id, role, "system", SYSTEM)

    def _grant(self, user_id: str, role: str, target: Target, target_id: str) -> None:
        row = roles.find_named(self.tx, role)
        if row is not None:
            grant = Grant("user", user_id, target, target_id, row.id, False)
            assignments.add(self.tx, grant)
            changed(self.tx, self.near, self.ctx, "role_assignment.create", row.id, after=grant)

    def _region(self) -> None:
        id = self.near.settings.region
        if catalog.find_region(self.tx, id) is None:
            row = RegionRow(id, None, "", {})
            catalog.add_region(self.tx, row)
            changed(self.tx, self.near, self.ctx, "region.create", id, after=row)

    def _service(self, wanted: CatalogService) -> None:
        name = f"service:{wanted.type}:{wanted.name}"
        if name not in self.made:
            extra = {"description": wanted.description} if wanted.description else {}
            row = ServiceRow(new_hex(), wanted.type, wanted.name, True, extra)
            catalog.add_service(self.tx, row)
            changed(self.tx, self.near, self.ctx, "service.create", row.id, after=row)
            seeds.note(self.tx, name)
            self.made.add(name)
        url = wanted.url.replace("{project_id}", "$(project_id)s")
        for service in catalog.all_services(self.tx):
            if (service.type, service.name) == (wanted.type, wanted.name):
                self._endpoints(service, url)

    def _endpoints(self, service: ServiceRow, url: str) -> None:
        """Endpoints that still say what the cloud once wrote follow it to a new address."""
        for row in catalog.all_endpoints(self.tx):
            if row.service_id == service.id and row.origin is not None and row.url == row.origin != url:
                catalog.change_endpoint(self.tx, row.id, {"url": url, "origin": url})
                changed(self.tx, self.near, self.ctx, "endpoint.update", row.id, before=row, data={"url": url})
        for interface in _INTERFACES:
            name = f"endpoint:{service.type}:{service.name}:{interface}"
            self._once(name, partial(self._endpoint, service, interface, url))

    def _endpoint(self, service: ServiceRow, interface: str, url: str) -> None:
        region = self.near.settings.region
        region_id = region if catalog.find_region(self.tx, region) else None
        row = EndpointRow(new_hex(), service.id, interface, region_id, url, True, {}, url)
        catalog.add_endpoint(self.tx, row)
        changed(self.tx, self.near, self.ctx, "endpoint.create", row.id, after=row)
