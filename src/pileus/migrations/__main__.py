"""`python -m pileus.migrations freeze | new MESSAGE | check`: for developers."""

import argparse
import importlib
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from pileus.migrations import GROWING, VERSIONS, differences, is_growing, options, revisions, upgrade

_FILE = '''"""{message}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down!r}


def upgrade() -> None:
    {body}
'''


def all_tables() -> Any:
    """The MetaData with the tables of every service and kernel library. Imported by name: nothing here knows a service."""
    for root in ("pileus.kernel", "pileus.services"):
        package = importlib.import_module(root)
        for found in pkgutil.walk_packages(package.__path__, f"{root}."):
            if re.match(r"pileus\.services\.\w+(\.db\b|$)|pileus\.kernel\.(?!db|rest)", found.name):
                importlib.import_module(found.name)
    return importlib.import_module("pileus.kernel.db").metadata


def write(metadata: Any, versions: Path, message: str, *, first: bool = False) -> Path | None:
    """Write the revision that leads from the history so far (from nothing, if `first`) to `metadata`; None if it is there."""
    from alembic.autogenerate import produce_migrations, render_python_code  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415

    known = [] if first else revisions(versions)
    with create_engine("sqlite://").connect() as connection:
        if known:
            upgrade(connection, metadata, versions)
        context = MigrationContext.configure(connection, opts=options(metadata))
        steps: Any = produce_migrations(context, metadata).upgrade_ops
        if steps.is_empty():
            return None
        body = render_python_code(steps, render_as_batch=not first, render_item=options(metadata)["render_item"])
    body = re.sub(r"#+ .*? #+\n\s*|\n\s*#+ .*? #+", "", body)
    revision = f"{len(known) + 1:04}"
    words = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    path = versions / f"{revision}_{words}.py"
    path.write_text(
        _FILE.format(message=message, revision=revision, down=known[-1] if known else None, body=body.strip())
    )
    return path


def freeze(metadata: Any, versions: Path = VERSIONS) -> Path | None:
    """Write revision 0001 from the code's tables, in place of the growing one."""
    if not is_growing(versions):
        raise SystemExit("the first revision is written already; use `new MESSAGE`")
    path = write(metadata, versions, "First tables", first=True)
    for growing in versions.glob(f"*{GROWING}.py"):
        growing.unlink()
    return path


def check(metadata: Any, versions: Path = VERSIONS) -> list[Any]:
    """Differences between the end of the history and the code's tables."""
    with create_engine("sqlite://").connect() as connection:
        upgrade(connection, metadata, versions)
        return differences(connection, metadata)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pileus.migrations", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("freeze", help="write revision 0001 from the tables of the code")
    new = commands.add_parser("new", help="write the next revision from what changed in the code")
    new.add_argument("message")
    commands.add_parser("check", help="tell whether the history ends at the tables of the code")
    asked = parser.parse_args()
    metadata = all_tables()
    if asked.command == "check":
        found = check(metadata)
        print("\n".join(map(str, found)) or f"{len(metadata.tables)} tables: history and code agree")
        sys.exit(bool(found))
    if asked.command == "freeze":
        path = freeze(metadata)
    elif is_growing():
        raise SystemExit("the first revision still grows with the code; `freeze` it first")
    else:
        path = write(metadata, VERSIONS, asked.message)
    print(f"{path}: read it, then `ruff format` it" if path else "nothing changed")


if __name__ == "__main__":
    main()
