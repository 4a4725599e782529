"""The `pileus` command."""

from pileus.cli.root import main

__all__ = ["main"]
