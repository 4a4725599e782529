"""One linear history of the database, tables prefixed by their service.

Revisions are files `versions/NNNN_words.py`; the number is the revision's id. This module knows them by their names,
so that a start which has nothing to do imports no alembic.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VERSIONS = HERE / "versions"
GROWING = "_growing"
"""The first revision's name before the first release: it makes whatever tables the code has."""


def revisions(versions: Path = VERSIONS) -> list[str]:
    """All revision ids, oldest first."""
    return sorted(path.name[:4] for path in versions.glob("[0-9][0-9][0-9][0-9]_*.py"))


def is_growing(versions: Path = VERSIONS) -> bool:
    """True until `freeze` has written the first revision down."""
    return any(versions.glob(f"*{GROWING}.py"))


def upgrade(connection: Any, metadata: Any, versions: Path = VERSIONS) -> None:
    """Bring a database to the newest revision, inside the transaction that `connection` (SQLAlchemy's) has open."""
    from alembic import command  # noqa: PLC0415

    command.upgrade(configuration(connection, metadata, versions), "head")


def stamp(connection: Any, versions: Path = VERSIONS) -> None:
    """Write down that the tables are those of the newest revision; for a database without any so far."""
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO alembic_version (version_num) VALUES ('{revisions(versions)[-1]}')")  # noqa: S608


def configuration(connection: Any, metadata: Any, versions: Path = VERSIONS) -> Any:
    """What alembic's commands want to know."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, metadata=metadata)
    return config


def options(metadata: Any) -> dict[str, Any]:
    """How the history and the code's tables are compared, and what a revision looks like."""
    return {
        "target_metadata": metadata,
        "compare_type": True,
        "render_as_batch": True,
        "render_item": _rendered,
        "user_module_prefix": "sa.",
    }


def _rendered(kind: str, item: Any, context: Any) -> str | bool:
    """Column types as plain SQL types: a revision must not change with the code."""
    plain = {"Json": "sa.Text()", "Time": "sa.BigInteger()"}
    return plain.get(type(item).__name__, False) if kind == "type" else False


def differences(connection: Any, metadata: Any) -> list[Any]:
    """What `connection`'s database lacks of, or has beyond, the code's tables, as alembic tells it."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415

    context = MigrationContext.configure(connection, opts=options(metadata))
    found: Iterable[Any] = compare_metadata(context, metadata)
    return list(found)
