"""What must hold between the rows of the object store after every transaction, and between rows and blobs at rest."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import text

from pileus.drivers.blob.protocol import BlobStore
from pileus.kernel.db import Database, Tx

_NAMED = """
    SELECT body_id FROM objectstore_objects WHERE body_id != 0 UNION ALL
    SELECT body_id FROM objectstore_versions WHERE body_id != 0 UNION ALL
    SELECT body_id FROM objectstore_parts WHERE body_id != 0 UNION ALL
    SELECT part_id FROM objectstore_pieces"""
_HELD = """
    SELECT container_id, 1 AS n, weight AS size FROM objectstore_objects UNION ALL
    SELECT container_id, 0, weight FROM objectstore_versions UNION ALL
    SELECT u.container_id, 0, p.size FROM objectstore_parts p JOIN objectstore_uploads u ON u.id = p.upload_id"""
_COUNTED = "SELECT owner, sum(containers) AS rooms, sum(objects) AS n, sum(bytes) AS size FROM objectstore_counters GROUP BY owner"
BROKEN: Mapping[str, str] = {
    "body with a wrong number of names": f"""
        SELECT b.id FROM objectstore_bodies b LEFT JOIN
        (SELECT body_id, count(*) AS n FROM ({_NAMED}) AS named GROUP BY body_id) AS names ON names.body_id = b.id
        WHERE b.refs != coalesce(names.n, 0)""",
    "name of a body that is not there": f"""
        SELECT body_id FROM ({_NAMED}) AS named WHERE body_id NOT IN (SELECT id FROM objectstore_bodies)""",
    "bytes without a body": """
        SELECT name FROM objectstore_objects WHERE body_id = 0 AND weight != 0""",
    "pieces that are not the whole": """
        SELECT b.id FROM objectstore_bodies b JOIN objectstore_pieces p ON p.whole_id = b.id
        GROUP BY b.id, b.size HAVING b.size != sum(p.size)""",
    "pieces of nothing": """
        SELECT whole_id FROM objectstore_pieces WHERE whole_id NOT IN (SELECT id FROM objectstore_bodies)
        AND whole_id NOT IN (SELECT whole_id FROM objectstore_garbage)""",
    "counter of a container": f"""
        SELECT c.id FROM objectstore_containers c
        LEFT JOIN (SELECT container_id, sum(n) AS n, sum(size) AS size FROM ({_HELD}) AS one GROUP BY container_id) AS held
            ON held.container_id = c.id
        LEFT JOIN ({_COUNTED}) AS counted ON counted.owner = 'c/' || c.id
        WHERE coalesce(held.n, 0) != coalesce(counted.n, 0) OR coalesce(held.size, 0) != coalesce(counted.size, 0)""",
    "counter of an account": f"""
        SELECT a.name FROM objectstore_accounts a
        LEFT JOIN (SELECT c.account, sum(h.n) AS n, sum(h.size) AS size FROM ({_HELD}) AS h
            JOIN objectstore_containers c ON c.id = h.container_id GROUP BY c.account) AS held ON held.account = a.name
        LEFT JOIN (SELECT account, count(*) AS n FROM objectstore_containers GROUP BY account) AS rooms ON rooms.account = a.name
        LEFT JOIN ({_COUNTED}) AS counted ON counted.owner = 'a/' || a.name
        WHERE coalesce(held.n, 0) != coalesce(counted.n, 0) OR coalesce(held.size, 0) != coalesce(counted.size, 0)
        OR coalesce(rooms.n, 0) != coalesce(counted.rooms, 0)""",
    "object in no container": """
        SELECT name FROM objectstore_objects WHERE container_id NOT IN (SELECT id FROM objectstore_containers)""",
    "version in no container": """
        SELECT name FROM objectstore_versions WHERE container_id NOT IN (SELECT id FROM objectstore_containers)""",
    "upload in no container": """
        SELECT name FROM objectstore_uploads
        WHERE container_id NOT IN (SELECT id FROM objectstore_containers) AND created_at != 0""",
    "two null versions of a name": """
        SELECT container_id, name, count(*) FROM (
            SELECT container_id, name FROM objectstore_objects WHERE NOT versioned UNION ALL
            SELECT container_id, name FROM objectstore_versions WHERE NOT versioned) AS nulls
        GROUP BY container_id, name HAVING count(*) > 1""",
    "bucket of nothing": """
        SELECT name FROM objectstore_buckets WHERE container_id NOT IN (SELECT id FROM objectstore_containers)""",
}


def broken(tx: Tx) -> list[str]:
    """What is wrong, in words; nothing when all is well."""
    found = []
    for what, statement in BROKEN.items():
        rows = tx.execute(text(statement)).fetchall()
        found += [f"{what}: {tuple(row)}" for row in rows[:5]]
    return found


async def orphans(db: Database, stores: Mapping[str, BlobStore]) -> list[str]:
    """Blobs that no body names, and bodies without their blob."""
    rows = await db.read_aside(
        lambda tx: tx.execute(text("SELECT place, blob, size FROM objectstore_bodies WHERE blob != ''")).fetchall()
    )
    named = {(place, blob): size for place, blob, size in rows}
    seen = {(place, blob.id): blob for place, store in stores.items() for blob in await store.observe()}
    found = [f"blob {blob} in {place} has no row" for place, blob in seen.keys() - named.keys()]
    found += [f"blob {blob} in {place} is lost" for place, blob in named.keys() - seen.keys()]
    return found + [f"blob {key} is torn" for key in seen.keys() & named.keys() if seen[key].size != named[key]]


def strays(rows: sqlite3.Connection, place: Path) -> list[str]:
    """The same of a state directory: files of bodies without a row, rows without their file. Waiting garbage is neither."""
    named = set(rows.execute("SELECT place, blob FROM objectstore_bodies WHERE blob != ''"))
    waiting = set(rows.execute("SELECT place, blob FROM objectstore_garbage WHERE blob != ''"))
    files = {(path.parents[2].name, path.name) for path in place.glob("*/blobs/*/*")}
    found = [f"file of no body: {policy}/{blob}" for policy, blob in files - named - waiting]
    return found + [f"body without its file: {policy}/{blob}" for policy, blob in named - files]
