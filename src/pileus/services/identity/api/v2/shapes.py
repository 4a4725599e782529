"""How v2.0 shows things. It knows the default domain only, and nothing of domains at all."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pileus.kernel.types import iso, iso_micros
from pileus.services.identity.core.session import Session
from pileus.services.identity.db.catalog import EndpointRow, ServiceRow
from pileus.services.identity.db.projects import ProjectRow
from pileus.services.identity.db.roles import RoleRow
from pileus.services.identity.db.users import UserRow

View = dict[str, Any]
Ports = Mapping[str, int]


def tenant(row: ProjectRow) -> View:
    return {**row.extra, "id": row.id, "name": row.name, "description": row.description, "enabled": row.enabled}


def user(row: UserRow) -> View:
    home = {"tenantId": row.default_project_id} if row.default_project_id else {}
    return {"username": row.name, **row.extra, "id": row.id, "name": row.name, "enabled": row.enabled, **home}


def role(row: RoleRow) -> View:
    return {**row.extra, "id": row.id, "name": row.name}


def service(row: ServiceRow) -> View:
    """A description is always there, for the client of old prints it."""
    return {"description": None, **row.extra, "id": row.id, "type": row.type, "name": row.name, "enabled": row.enabled}


def endpoint_groups(rows: Iterable[EndpointRow]) -> dict[str, list[EndpointRow]]:
    """Endpoints in threes, by the id that v2.0 knows them by.

    Those made here bear it. The others go together by service and region, under the id of the public one; without a
    public one they are not shown.
    """
    found: dict[str, list[EndpointRow]] = {}
    rest: dict[tuple[str, str | None], list[EndpointRow]] = {}
    for row in rows:
        if row.legacy_id:
            found.setdefault(row.legacy_id, []).append(row)
        else:
            rest.setdefault((row.service_id, row.region_id), []).append(row)
    for group in rest.values():
        public = next((row for row in group if row.interface == "public"), None)
        if public is not None:
            found[public.id] = group
    return found


def endpoint(id: str, rows: Iterable[EndpointRow]) -> View:
    view: View = {"adminurl": None, "internalurl": None, "publicurl": None}
    for row in rows:
        view[f"{row.interface}url"] = row.url
        view |= {"id": id, "service_id": row.service_id, "region": row.region_id, "enabled": row.enabled}
    return view


def access(token: str, session: Session, catalog: list[View] | None, ports: Ports) -> View:
    """A token with all that it tells."""
    claims, owner, project = session.claims, session.user, session.project
    about: View = {
        "issued_at": iso_micros(claims.issued_at),
        "expires": iso(claims.expires_at),
        "id": token,
        "audit_ids": claims.audit_ids,
    }
    if project is not None:
        about["tenant"] = tenant(project)
    roles = [{"name": role.name} for role in session.roles]
    return {
        "token": about,
        "serviceCatalog": service_catalog(catalog or [], ports),
        "user": {"username": owner.name, "roles_links": [], "id": owner.id, "roles": roles, "name": owner.name},
        "metadata": {"is_admin": 0, "roles": [role.id for role in session.roles]},
    }


def service_catalog(catalog: Iterable[View], ports: Ports) -> list[View]:
    """The catalog with the three addresses of a region together."""
    found = []
    for entry in catalog:
        regions: dict[str | None, View] = {}
        for one in entry["endpoints"]:
            group = regions.setdefault(one["region"], {"region": one["region"], "id": one["id"]})
            url = identity_url(one["url"], one["interface"], ports) if entry["type"] == "identity" else one["url"]
            group[f"{one['interface']}URL"] = url
            if one["interface"] == "public":
                group["id"] = one["id"]
        if regions:
            found.append(
                {
                    "endpoints": list(regions.values()),
                    "endpoints_links": [],
                    "type": entry["type"],
                    "name": entry["name"],
                }
            )
    return found


def endpoint_list(catalog: Iterable[View], ports: Ports) -> list[View]:
    """The same with a line for each service and region."""
    return [
        {"name": entry["name"], "type": entry["type"], **one}
        for entry in service_catalog(catalog, ports)
        for one in entry["endpoints"]
    ]


def identity_url(url: str, interface: str, ports: Ports) -> str:
    """Identity's own address for clients of v2.0: they ask for the version, and for the admin's port."""
    parts = urlsplit(url)
    path, netloc = parts.path.rstrip("/"), parts.netloc
    if path.endswith("/v3"):
        path = path.removesuffix("/v3") + "/v2.0"
    public, admin = ports.get("identity"), ports.get("identity_admin")
    if interface == "admin" and admin and public and parts.port == public:
        netloc = f"{netloc.rpartition(':')[0]}:{admin}"
    return urlunsplit((parts.scheme, netloc, path, parts.query, ""))
