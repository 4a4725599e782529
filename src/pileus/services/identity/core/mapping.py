"""The language of mappings: what an identity provider says becomes a user, groups and projects. Pure functions.

A rule has conditions (`remote`) and results (`local`). Where all conditions hold, its results count, with `{0}`, `{1}` …
in them replaced by what the conditions *map*: those without a test, and those that filter. All rules that hold count together.
"""

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from string import Formatter
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

Assertion: TypeAlias = Mapping[str, str | Sequence[str]]
"""Attributes by name. A text with `;` in it is several values; a sequence is its values as they are."""
Values: TypeAlias = list[str]
_TOLD = "JSON:"
EPHEMERAL, LOCAL = "ephemeral", "local"


class BrokenMapping(Exception):
    """The mapping cannot be meant: it asks for what its conditions do not map. Its text is for operators."""


class Named(Struct, frozen=True):
    """A domain by id, or else by name."""

    id: str = ""
    name: str = ""


class MappedUser(Struct, frozen=True):
    """`kind` is `ephemeral` (known by the provider's word alone) or `local` (must be there)."""

    name: str = ""
    id: str = ""
    email: str = ""
    kind: str = EPHEMERAL
    domain: Named | None = None


class MappedGroup(Struct, frozen=True):
    name: str
    domain: Named


class MappedProject(Struct, frozen=True):
    """A project where the user has these roles; it is made when it is not there."""

    name: str
    roles: tuple[str, ...]
    domain: Named | None = None


class Mapped(Struct, frozen=True):
    """What the rules that held make of an assertion."""

    user: MappedUser
    group_ids: tuple[str, ...] = ()
    groups: tuple[MappedGroup, ...] = ()
    projects: tuple[MappedProject, ...] = ()


def apply(rules: Sequence[Mapping[str, Any]], assertion: Assertion, version: str = "1.0") -> Mapped | None:
    """None when no rule holds. Raises `BrokenMapping`."""
    values = {name: _split(given) for name, given in assertion.items()}
    results: list[Mapping[str, Any]] = []
    for rule in rules:
        mapped = match(rule["remote"], values)
        if mapped is not None:
            results += [_filled(local, mapped) for local in rule["local"]]
    return _gathered(results, version) if results else None


def match(conditions: Sequence[Mapping[str, Any]], values: Mapping[str, Values]) -> list[Values] | None:
    """What the conditions map, in their order; None when one of them does not hold."""
    mapped: list[Values] = []
    for condition in conditions:
        found = values.get(condition["type"])
        if not found:
            return None
        fits = _tester(condition)
        if "any_one_of" in condition:
            if not any(map(fits(condition["any_one_of"]), found)):
                return None
        elif "not_any_of" in condition:
            if any(map(fits(condition["not_any_of"]), found)):
                return None
        elif "blacklist" in condition:
            banned = fits(condition["blacklist"])
            mapped.append([value for value in found if not banned(value)])
        elif "whitelist" in condition:
            mapped.append([value for value in found if fits(condition["whitelist"])(value)])
        else:
            mapped.append(found)
    return mapped


def check_patterns(rules: Iterable[Mapping[str, Any]]) -> None:
    """Raises `ValueError` for a condition whose regular expression is none."""
    for condition in (c for rule in rules for c in rule["remote"] if c.get("regex")):
        for test in ("any_one_of", "not_any_of", "blacklist", "whitelist"):
            for pattern in condition.get(test, ()):
                try:
                    re.compile(pattern)
                except (re.error, TypeError) as error:
                    raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None


def _split(given: str | Sequence[str]) -> Values:
    return given.split(";") if isinstance(given, str) else list(given)


def _tester(condition: Mapping[str, Any]) -> Callable[[Sequence[Any]], Callable[[str], bool]]:
    """From the values of a test to whether one of the assertion's is among them."""
    if condition.get("regex"):
        return lambda patterns: lambda value: any(re.search(pattern, value) for pattern in patterns)
    return lambda allowed: lambda value: value in allowed


def _filled(template: Any, mapped: Sequence[Values]) -> Any:
    """A result with what was mapped in the place of `{0}`, `{1}` …"""
    if isinstance(template, Mapping):
        return {key: _filled(value, mapped) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(item, mapped) for item in template]
    return fill(template, mapped) if isinstance(template, str) else template


def fill(template: str, mapped: Sequence[Values]) -> str:
    """Several values stand in a text as Keystone writes them: `['a', 'b']`."""
    found, following = "", 0
    try:
        for literal, field, form, conversion in Formatter().parse(template):
            found += literal
            if field is None:
                continue
            if form or conversion or (field and not field.isdecimal()):
                raise BrokenMapping(f"{template!r} has something else than numbers in braces")
            index = int(field) if field else following
            following += 1
            values = mapped[index]
            found += values[0] if len(values) == 1 else str(values)
    except IndexError:
        raise BrokenMapping(f"{template!r} asks for more than the {len(mapped)} that its conditions map") from None
    except ValueError as error:
        raise BrokenMapping(f"{template!r} cannot be filled: {error}") from None
    return found


def listed(text: str) -> list[str]:
    """Several values that `fill` wrote into a text, or the one that it is."""
    if text[:1] == "[":
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return [text]
        if isinstance(found, list) and all(isinstance(item, str) for item in found):
            return found
    return [text]


# --- putting results together -----------------------------------------------------------------------------------------


def _gathered(results: Sequence[Mapping[str, Any]], version: str) -> Mapped:
    """The first user counts, the last list of projects; groups add up.

    From version 2.0 on the last `domain` is for the user and projects without one.
    """
    user: Mapping[str, Any] | None = None
    group_ids: list[str] = []
    groups: list[MappedGroup] = []
    projects: Sequence[Mapping[str, Any]] = ()
    domain: Named | None = None
    for result in results:
        user = user or result.get("user")
        if version != "1.0":
            domain = _domain(result.get("domain")) or domain
        if "group" in result:
            group = result["group"]
            if "id" in group:
                group_ids.append(group["id"])
            else:
                groups.append(MappedGroup(group["name"], _domain(group["domain"]) or Named()))
        if "groups" in result:
            groups += _groups(listed(result["groups"]), result.get("domain"))
        if "group_ids" in result:
            group_ids += listed(result["group_ids"])
        projects = result.get("projects", projects)
    return Mapped(
        user=_user(user or {}, domain),
        group_ids=tuple(dict.fromkeys(group_ids)),
        groups=tuple(dict.fromkeys(groups)),
        projects=tuple(_project(project, domain) for project in projects),
    )


def _groups(values: Sequence[str], domain: Mapping[str, str] | None) -> list[MappedGroup]:
    """Groups by name in the domain beside them, or else as other clouds tell them: `JSON:{"name": …, "domain": {…}}`.

    A domain of the rule is a bound: what a provider says never leads out of it.
    """
    if domain is not None:
        home = _domain(domain) or Named()
        return [MappedGroup(name, home) for name in values]
    try:
        found = [
            msgspec.json.decode(value.removeprefix(_TOLD), type=MappedGroup)
            for value in values
            if value.startswith(_TOLD)
        ]
    except msgspec.DecodeError:
        found = []
    if not found or len(found) < len(values):
        raise BrokenMapping("'groups' need a 'domain' beside them, or in each of them")
    return found


def _user(user: Mapping[str, Any], domain: Named | None) -> MappedUser:
    return MappedUser(
        name=user.get("name", ""),
        id=user.get("id", ""),
        email=user.get("email", ""),
        kind=user.get("type", EPHEMERAL),
        domain=_domain(user.get("domain")) or domain,
    )


def _project(project: Mapping[str, Any], domain: Named | None) -> MappedProject:
    roles = tuple(dict.fromkeys(role["name"] for role in project["roles"]))
    return MappedProject(project["name"], roles, _domain(project.get("domain")) or domain)


def _domain(given: Mapping[str, str] | None) -> Named | None:
    """None for one that names nothing."""
    if not given or not (given.get("id") or given.get("name")):
        return None
    return Named(given.get("id", ""), given.get("name", ""))
