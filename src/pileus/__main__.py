"""`python -m pileus` and the `pileus` command."""

from pileus.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
