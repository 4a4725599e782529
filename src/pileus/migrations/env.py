"""What alembic runs: the caller's connection, inside the caller's transaction."""

from alembic import context

from pileus.migrations import options

context.configure(connection=context.config.attributes["connection"], **options(context.config.attributes["metadata"]))
context.run_migrations()
