"""The tables as they are; written down by `python -m pileus.migrations freeze` before the first release."""

from alembic import context, op

revision = "0001"
down_revision = None


def upgrade() -> None:
    context.config.attributes["metadata"].create_all(op.get_bind())
