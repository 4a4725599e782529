"""How this cloud's guests are named in libvirt, and told from foreign ones."""

import hashlib
import uuid
from typing import NamedTuple
from xml.etree import ElementTree

from pileus.drivers.hypervisor.libvirt.xml import Element, e, parsed
from pileus.drivers.hypervisor.protocol import Guest

NAMESPACE = "urn:pileus:guest:1"
PREFIX = "pileus-"
ElementTree.register_namespace("pileus", NAMESPACE)


class Mark(NamedTuple):
    """What our metadata element of a domain says."""

    id: str
    generation: int
    boots: int
    cloud: str


def domain_name(guest_id: str, cloud: str) -> str:
    """The same for ever for one guest of one cloud; within libvirt's 50 characters."""
    return PREFIX + domain_uuid(guest_id, cloud).hex[:12]


def domain_uuid(guest_id: str, cloud: str) -> uuid.UUID:
    """The guest's own id where that is a UUID, as guests see it in their SMBIOS."""
    try:
        return uuid.UUID(guest_id)
    except ValueError:
        return uuid.UUID(bytes=hashlib.sha256(f"{cloud}\n{guest_id}".encode()).digest()[:16], version=4)


def mark_element(guest: Guest, cloud: str) -> Element:
    return e(
        f"{{{NAMESPACE}}}guest",
        e(f"{{{NAMESPACE}}}name", guest.name),
        id=guest.id,
        generation=guest.generation,
        boots=guest.boots,
        cloud=cloud,
        project=guest.project_id,
    )


def mark_of(metadata: str) -> Mark | None:
    """Read what `virDomainGetMetadata` gave for our namespace; None when it is not ours."""
    try:
        found = parsed(metadata)
        return Mark(
            found.attrib["id"], int(found.attrib["generation"]), int(found.attrib["boots"]), found.attrib["cloud"]
        )
    except (ElementTree.ParseError, KeyError, ValueError):
        return None
