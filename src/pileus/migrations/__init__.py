"""One linear history of the database, tables prefixed by their service."""
