"""Settings from `pileus.toml` and the environment, checked as a whole."""

from __future__ import annotations

import difflib
import json
import tomllib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from pileus.kernel.config.sections import MASK, Option, Section, options

S = TypeVar("S", bound=Section)
PREFIX = "PILEUS_"
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class ConfigError(Exception):
    """The configuration cannot be meant. `problems` has one sentence each, all of them at once."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Shown(Struct, frozen=True):
    """One option for people and `config show`. Values of secrets are masked, in `default` too."""

    section: str
    option: str
    value: Any
    default: Any
    source: str
    """`default`, the file's path, or the environment variable's name."""
    allowed: str
    doc: str


class Settings:
    """All sections, by name and by type."""

    def __init__(self, sections: Mapping[str, Section], sources: Mapping[tuple[str, str], str] | None = None) -> None:
        self._by_name = dict(sections)
        self._by_type = {type(section): section for section in sections.values()}
        self._sources = dict(sources or {})

    def of(self, section: type[S]) -> S:
        """The section of that type; one that was not asked for at `load` has its defaults."""
        found = self._by_type.get(section)
        return typing.cast(S, found) if found is not None else section()

    def show(self, everything: bool = False) -> list[Shown]:
        """Options, their documentation, and where each value came from; only those that were set, or everything."""
        lines = []
        for name, section in self._by_name.items():
            for option in options(type(section)):
                source = self._sources.get((name, option.name), "default")
                if everything or source != "default":
                    value = _shown(option, getattr(section, option.name))
                    default = _shown(option, option.default)
                    lines.append(Shown(name, option.name, value, default, source, option.allowed, option.doc))
        return lines

    def __repr__(self) -> str:
        return f"Settings({self._by_name!r})"


def load(
    sections: Mapping[str, type[Section]], path: Path | str | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Reads `path` (None: no file), then `PILEUS_<SECTION>_<OPTION>` from `environ`, which wins.

    Raises `ConfigError` naming file or variable, section, option and what is allowed. Variables that begin with no
    known section are not ours and are left alone.
    """
    problems: list[str] = []
    values: dict[str, dict[str, object]] = {name: {} for name in sections}
    sources: dict[tuple[str, str], str] = {}
    for name, option, value, source in [
        *_from_file(sections, path, problems),
        *_from_environ(sections, environ or {}, problems),
    ]:
        try:
            values[name][option.name] = msgspec.convert(value, option.type, dec_hook=_decode)
            sources[name, option.name] = source
        except msgspec.ValidationError:
            given = MASK if option.secret else json.dumps(value, default=str, ensure_ascii=False)
            problems.append(f"{source}: [{name}] {option.name}: {option.allowed} was expected, not {given}")
    if problems:
        raise ConfigError(problems)
    return Settings({name: kind(**values[name]) for name, kind in sections.items()}, sources)


Given = tuple[str, Option, object, str]


def _from_file(sections: Mapping[str, type[Section]], path: Path | str | None, problems: list[str]) -> Iterable[Given]:
    if path is None:
        return
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: this is not TOML: {error}"]) from None
    for name, table in tables.items():
        if name not in sections:
            what = f"section [{name}]" if isinstance(table, dict) else f"option {name!r} outside of any section"
            problems.append(f"{path}: unknown {what}{_near(name, sections)}")
        elif not isinstance(table, dict):
            problems.append(f"{path}: [{name}] is a section: write its options below a line [{name}]")
        else:
            known = {option.name: option for option in options(sections[name])}
            for option, value in table.items():
                if option in known:
                    yield name, known[option], value, str(path)
                else:
                    problems.append(f"{path}: [{name}] {option}: unknown option{_near(option, known)}")


def _from_environ(
    sections: Mapping[str, type[Section]], environ: Mapping[str, str], problems: list[str]
) -> Iterable[Given]:
    longest_first = sorted(sections, key=len, reverse=True)
    for variable in sorted(v for v in environ if v.startswith(PREFIX)):
        rest = variable.removeprefix(PREFIX).lower()
        name = next((s for s in longest_first if rest.startswith(f"{s.replace('-', '_')}_")), None)
        if name is None:
            continue
        known = {option.name: option for option in options(sections[name])}
        option = rest[len(name) + 1 :]
        if option in known:
            yield name, known[option], _from_text(known[option].type, environ[variable]), variable
        else:
            problems.append(f"{variable}: [{name}] {option}: unknown option{_near(option, known)}")


def _from_text(kind: Any, text: str) -> object:
    """A variable's text as TOML would have said it; what does not fit stays text, for `convert` to refuse."""
    kinds = _plain_kinds(kind)
    if bool in kinds and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    for number in (int, float):
        if number in kinds:
            try:
                return number(text)
            except ValueError:
                pass
    if text == "" and type(None) in kinds:
        return None
    if kinds & {list, tuple, set, frozenset, dict}:
        if text.lstrip()[:1] in {"[", "{"}:
            try:
                return json.loads(text)
            except ValueError:
                return text
        return [part.strip() for part in text.split(",") if part.strip()] if dict not in kinds else text
    return text


def _plain_kinds(kind: Any) -> set[Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _plain_kinds(arguments[0])
    if origin is typing.Literal:
        return {type(a) for a in arguments}
    if origin is None:
        return {kind}
    if origin in {list, tuple, set, frozenset, dict}:
        return {origin}
    return {k for a in arguments for k in _plain_kinds(a)}


def _decode(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise msgspec.ValidationError(f"{kind} cannot be read from {value!r}")


def _shown(option: Option, value: object) -> Any:
    if option.secret:
        return MASK if value else value
    return str(value) if isinstance(value, Path) else msgspec.to_builtins(value, enc_hook=str)


def _near(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there is: {', '.join(names) or 'none'}"
