"""`pileus quickstart`."""

import click


@click.command()
@click.option("--json", is_flag=True)
def quickstart(json: bool) -> None:
    """Boot a real virtual machine and log in to it."""
