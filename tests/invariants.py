"""What must hold between the rows of a state directory, and between rows and files, whenever nothing is under way."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import object_rows

ORPHANS = {
    **object_rows.BROKEN,
    "allocation without a server": """
        SELECT DISTINCT consumer_id FROM placement_allocations WHERE consumer_id NOT IN (SELECT id FROM compute_servers)""",
    "consumer without an allocation": """
        SELECT id FROM placement_consumers WHERE id NOT IN (SELECT consumer_id FROM placement_allocations)""",
    "server on a host without an allocation": """
        SELECT id FROM compute_servers WHERE node_id != '' AND node_id IS NOT NULL AND vm_state NOT IN ('error', 'deleted')
        AND id NOT IN (SELECT consumer_id FROM placement_allocations)""",
    "used is not the sum of the allocations": """
        SELECT i.provider_id || ' ' || i.resource_class || ' ' || i.used FROM placement_inventories i WHERE i.used != (
            SELECT coalesce(sum(a.used), 0) FROM placement_allocations a
            WHERE a.provider_id = i.provider_id AND a.resource_class = i.resource_class)""",
    "port of a server that is not there": """
        SELECT id FROM network_ports WHERE device_owner LIKE 'compute:%' AND device_id NOT IN (SELECT id FROM compute_servers)""",
    "port of a router that is not there": """
        SELECT id FROM network_ports WHERE device_owner LIKE 'network:router%'
        AND device_id NOT IN (SELECT id FROM network_routers)""",
    "port of a floating address that is not there": """
        SELECT id FROM network_ports WHERE device_owner = 'network:floatingip'
        AND device_id NOT IN (SELECT id FROM network_floatingips)""",
    "floating address without its port": """
        SELECT id FROM network_floatingips WHERE floating_port_id NOT IN (SELECT id FROM network_ports)
        OR (port_id != '' AND port_id NOT IN (SELECT id FROM network_ports))""",
    "address of a port that is not there": """
        SELECT address FROM network_allocations WHERE address IS NOT NULL AND port_id IS NOT NULL AND port_id != ''
        AND port_id NOT IN (SELECT id FROM network_ports)""",
    "address given twice": """
        SELECT subnet_id || ' ' || address FROM network_allocations WHERE address IS NOT NULL
        GROUP BY subnet_id, address HAVING count(*) > 1""",
    "server with a task and nobody at work": """
        SELECT id || ' ' || task_state FROM compute_servers WHERE task_state IS NOT NULL AND task_state != ''""",
    "server building for ever": "SELECT id FROM compute_servers WHERE vm_state = 'building'",
    "image whose blob nobody names": """
        SELECT id || ' ' || status FROM image_images WHERE status IN ('saving', 'importing')""",
    "saga that did not end": "SELECT name || ' ' || key || ' ' || state FROM kernel_sagas WHERE state NOT IN ('done', 'failed')",
}  # fmt: skip
"""What is wrong -> which rows."""

IMAGE_FILES = """
    SELECT blob_id FROM image_images i WHERE blob_id != '' AND (status IN ('saving', 'uploading', 'importing')
    OR EXISTS (SELECT 1 FROM image_locations l WHERE l.image_id = i.id AND l.store = 'file'))"""
"""Blobs that have a file; the object store has its own."""


def problems(state: Path) -> list[str]:
    """What does not hold, in words; empty: all is well."""
    with sqlite3.connect(f"file:{state / 'pileus.db'}?mode=ro", uri=True, timeout=60) as rows:
        found = [f"{what}: {row[0]}" for what, query in ORPHANS.items() for row in rows.execute(query)]
        blobs = {row[0] for row in rows.execute(IMAGE_FILES)}
        found += object_rows.strays(rows, state / "objects")
        servers = {row[0] for row in rows.execute("SELECT id FROM compute_servers")}
    files = {p.name for p in (state / "images" / "blobs").glob("*/*")}
    found += [f"file of no image: {name}" for name in files - blobs]
    found += [f"image without its file: {name}" for name in blobs - files]
    return found + [f"guest without a server: {id}" for id in guests(state) - servers]


def guests(state: Path) -> set[str]:
    """Ids of the guests that the hypervisors of this state know."""
    found = {p.parent.name for p in (state / "instances").glob("*/guest.json")}
    ledger = state / "instances" / "simulated.db"
    if ledger.exists():
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=60) as rows:
            found |= {row[0] for row in rows.execute("SELECT id FROM guests")}
    return found


def settled(state: Path, seconds: float = 120) -> list[str]:
    """`problems`, once there are none, or after so long."""
    end = time.monotonic() + seconds
    while (found := problems(state)) and time.monotonic() < end:
        time.sleep(0.2)
    return found
