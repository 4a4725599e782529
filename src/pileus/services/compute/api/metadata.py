"""The metadata service of guests: OpenStack's and EC2's forms, for the proxy of the network driver.

A request names its server in `X-Instance-ID`, signed with the secret that both sides share; guests cannot reach this port.
"""

import base64
import hmac
from typing import Any

from msgspec import Struct

from pileus.contracts.network import PortInfo
from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Dialect, Operation, Request
from pileus.kernel.types import Fault, Forbidden, Invalid, NotFound, whole_number
from pileus.services.compute.core import instance_metadata as documents
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import servers
from pileus.services.compute.db.servers import ServerRow

EC2_VERSIONS = (
    "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04", "latest",
)  # fmt: skip


class Seen(Struct, frozen=True):
    row: ServerRow
    ports: tuple[PortInfo, ...]


class MetadataDialect(Dialect):
    """Plain text, as cloud-init expects it."""

    auth_first = False

    def fault(self, request: Request, fault: Fault) -> Answer:
        return Answer(
            fault.status,
            raw=f"{fault.status} {fault.title}\n\n{fault.message}\n".encode(),
            media="text/plain; charset=UTF-8",
        )


class Metadata:
    def __init__(self, near: Neighbours, secret: str) -> None:
        self.near, self.secret = near, secret.encode()

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path=path,
                name="metadata",
                decide=self._find,
                view=self._answer,
                public=True,
                summary="Metadata of a guest",
            )
            for path in ("/", "/{rest:path}")
        ]

    def _find(self, tx: Tx, request: Request) -> Seen:
        """Who asks. Raises `Invalid` without the headers, `Forbidden` for a wrong signature, `NotFound` for a stranger."""
        server_id = request.headers.get("x-instance-id", "")
        project_id = request.headers.get("x-tenant-id", "")
        if not server_id or not project_id:
            raise Invalid("X-Instance-ID and X-Tenant-ID headers are missing from the request.")
        signature = request.headers.get("x-instance-id-signature", "")
        expected = hmac.new(self.secret, server_id.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise Forbidden("Invalid proxy request signature.")
        row = servers.find(tx, server_id)
        if row is None or row.project_id != project_id:
            raise NotFound("No such instance.")
        return Seen(row, self.near.network.ports_of(tx, [server_id]).get(server_id, ()))

    def _answer(self, request: Request, seen: Seen) -> Answer:
        path = [p for p in request.params.get("rest", "").split("/") if p]
        found = self._openstack(path[1:], seen) if path[:1] == ["openstack"] else self._ec2(path, seen)
        if found is None:
            raise NotFound("There is no such metadata.")
        media = "application/json" if path and path[-1].endswith(".json") else "text/plain; charset=UTF-8"
        return Answer(200, raw=found, media=media)

    def _openstack(self, path: list[str], seen: Seen) -> bytes | None:
        if not path:
            return _lines(documents.VERSIONS)
        if path[0] == "content" and len(path) == 2:
            return _content(seen.row, path[1])
        if path[0] not in documents.VERSIONS:
            return None
        files = documents.of_version(path[0], seen.row, seen.ports, self.near.settings)
        if len(path) == 1:
            return _lines(sorted([*files, "password"]))
        if path[1:] == ["password"]:
            return b""
        return files.get(path[1]) if len(path) == 2 else None

    def _ec2(self, path: list[str], seen: Seen) -> bytes | None:
        if not path:
            return _lines([*EC2_VERSIONS])
        if path[0] not in EC2_VERSIONS:
            return None
        tree = ec2(seen, documents.hostname(seen.row, self.near.settings), self.near.settings.default_zone)
        node: Any = tree
        for part in path[1:]:
            if isinstance(node, dict) and part.partition("=")[0] in node:
                node = node[part.partition("=")[0]]
            else:
                return None
        return _rendered(node)


def ec2(seen: Seen, hostname: str, zone: str) -> dict[str, Any]:
    """The tree of one EC2 version."""
    row = seen.row
    fixed = [a for port in seen.ports for _, a in port.fixed_ips if ":" not in a]
    floating = [a for port in seen.ports for _, a in port.floating]
    number = int(row.id[-8:], 16)
    meta: dict[str, Any] = {
        "ami-id": f"ami-{int((row.image_id or '0' * 8)[:8], 16):08x}", "ami-launch-index": str(row.launch_index), "ami-manifest-path": "unknown",
        "block-device-mapping": {"ami": row.root_device.removeprefix("/dev/"), "root": row.root_device}, "hostname": hostname,
        "instance-action": "none", "instance-id": f"i-{number:08x}", "instance-type": row.flavor["name"], "local-hostname": hostname,
        "local-ipv4": fixed[0] if fixed else "", "placement": {"availability-zone": row.zone or zone}, "public-hostname": hostname,
        "public-ipv4": floating[0] if floating else "", "reservation-id": row.reservation_id,
        "security-groups": "\n".join(dict.fromkeys(n for p in seen.ports for _, n in p.security_groups)) or "\n".join(row.security_groups),
    }  # fmt: skip
    if row.public_key:
        meta["public-keys"] = {"0": {"_name": f"0={row.key_name}", "openssh-key": row.public_key}}
    tree: dict[str, Any] = {"meta-data": meta}
    if row.user_data:
        tree["user-data"] = base64.b64decode(row.user_data)
    return tree


def _rendered(node: Any) -> bytes:
    if isinstance(node, bytes):
        return node
    if not isinstance(node, dict):
        return str(node).encode()
    names = []
    for key in sorted(node):
        if key == "_name":
            continue
        child = node[key]
        if isinstance(child, dict):
            names.append(child["_name"] if "_name" in child else key + "/")
        else:
            names.append(key)
    return _lines(names)


def _lines(names: Any) -> bytes:
    return "\n".join(names).encode()


def _content(row: ServerRow, number: str) -> bytes | None:
    index = whole_number(number, len(row.files) - 1)
    return None if index is None else base64.b64decode(row.files[index]["contents"])
