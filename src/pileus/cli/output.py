"""What commands say: words and tables for people, one JSON document with `--json`."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
R = TypeVar("R")
REASON, ADVICE = "pileus: ", "        -> "
"""How the two lines of a failure begin."""


class Failure(click.ClickException):
    """A command could not do it. One plain reason, and what to do about it; exit code 1."""

    def __init__(self, message: str, advice: str = "", *, code: int = 1) -> None:
        super().__init__(message)
        self.advice = advice
        self.code = code
        self.as_json = False

    def show(self, file: Any = None) -> None:
        if self.as_json:
            click.echo(json.dumps({"error": self.message, "advice": self.advice}, ensure_ascii=False))
            return
        click.echo(f"{REASON}{self.message}", err=True)
        if self.advice:
            click.echo(f"{ADVICE}{self.advice}", err=True)


class Output:
    """Where a command's words go. With `as_json` only `result` prints, everything else is silent or goes to stderr."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    @functools.cached_property
    def console(self) -> Console:
        from rich.console import Console

        return Console(stderr=self.as_json, highlight=False, soft_wrap=True)

    def say(self, text: str = "") -> None:
        if not self.as_json:
            self.console.print(text, markup=False)

    def result(self, document: object) -> None:
        """The whole answer, for programs."""
        if self.as_json:
            click.echo(json.dumps(document, indent=2, default=str, ensure_ascii=False))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        if self.as_json:
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table, soft_wrap=False)

    def working(self, text: str) -> Any:
        """A context in which people see that something goes on; plain when nobody watches."""
        if self.as_json or not sys.stdout.isatty():
            self.say(f"{text} …")
            return _Quiet()
        return self.console.status(f"{text} …")


class _Quiet:
    def __enter__(self) -> _Quiet:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def update(self, _text: str) -> None:
        return None


def speaks(function: Callable[Concatenate[Output, P], R]) -> Callable[P, R]:
    """Gives a command its `--json` and hands it an `Output`."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> R:
        as_json = bool(kwargs.pop("as_json"))
        try:
            return function(Output(as_json), *args, **kwargs)
        except Failure as failure:
            failure.as_json = as_json
            raise

    return click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")(command)
