"""Options of one domain: where its users come from.

Kept in the database through the API, or written in `pileus.toml` under `[identity.domains.<name>]`, which counts where both are there.
"""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace as replaced

from pileus.drivers.directory.protocol import DirectoryOptions
from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Forbidden, NotFound
from pileus.services.identity.core import refusals
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.domains import get as get_domain
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import domain_options
from pileus.services.identity.db.domain_options import DomainOptionRow
from pileus.services.identity.db.projects import ProjectRow

log = logging.getLogger(__name__)
Config = dict[str, dict[str, Any]]
"""Values by section and name."""


class IdentityOptions(Struct, frozen=True, kw_only=True):
    """Those of section `identity` that a domain may have. A `driver` of `ldap` is a directory; others mean our own tables."""

    driver: str = "sql"
    list_limit: int | None = None


_SECTIONS: Mapping[str, type[Struct]] = {"identity": IdentityOptions, "ldap": DirectoryOptions}
_SENSITIVE = {"identity": frozenset[str](), "ldap": frozenset({"password"})}
_OURS = {"identity": frozenset[str](), "ldap": frozenset({"randomize_urls", "group_ad_nesting", "connection_timeout"})}
"""Taken, though Keystone knows them of its own file only, and not among the defaults."""
_COMPLIANCE = "security_compliance"
_READABLE = ("password_regex", "password_regex_description")


def show(tx: Tx, near: Near, domain_id: str, section: str = "", name: str = "") -> dict[str, Any]:
    """Sections, one section, or one option; nothing sensitive. Raises `NotFound` for what is not set."""
    if section == _COMPLIANCE:
        return _compliance(near, domain_id, name)
    _check_names(section, name)
    rows = [r for r in domain_options.of_domain(tx, domain_id) if _is_among(r, section, name) and not r.sensitive]
    if not rows:
        raise _missing(domain_id, section, name)
    get_domain(tx, near, Ctx(), domain_id)
    return {rows[0].name: rows[0].value} if name else _nested(rows)


def show_default(section: str = "", name: str = "") -> dict[str, Any]:
    _check_names(section, name)
    if name:
        if name in _SENSITIVE[section] | _OURS[section]:
            raise _refused(f"Reading the default for option {name} in group {section} is not supported")
        return {name: _defaults(section)[name]}
    return {known: _defaults(known) for known in _SECTIONS if known == (section or known)}


def replace(tx: Tx, near: Near, ctx: Ctx, domain_id: str, config: Any) -> tuple[dict[str, Any], bool]:
    """All options anew; with it, whether there were none before."""
    domain = get_domain(tx, near, ctx, domain_id)
    wanted = _checked(config)
    before = domain_options.of_domain(tx, domain_id)
    domain_options.remove_all(tx, domain_id)
    _store(tx, near, ctx, domain, wanted)
    return _shown(tx, domain_id), not before


def update(
    tx: Tx, near: Near, ctx: Ctx, domain_id: str, config: Any, section: str = "", name: str = ""
) -> dict[str, Any]:
    """The options given, the others as they were; within a section or of one option that is there already, if one is named."""
    domain = get_domain(tx, near, ctx, domain_id)
    wanted = _checked({section: config} if section and name else config)
    _check_names(section, name)
    if section:
        _check_only(wanted, section, name)
        if not any(_is_among(row, section, name) for row in domain_options.of_domain(tx, domain_id)):
            raise _missing(domain_id, section, name)
    _store(tx, near, ctx, domain, wanted)
    return _shown(tx, domain_id)


def delete(tx: Tx, near: Near, ctx: Ctx, domain_id: str, section: str = "", name: str = "") -> None:
    domain = get_domain(tx, near, ctx, domain_id)
    _check_names(section, name)
    rows = [row for row in domain_options.of_domain(tx, domain_id) if _is_among(row, section, name)]
    if section and not rows:
        raise _missing(domain_id, section, name)
    for row in rows:
        domain_options.remove(tx, domain_id, row.section, row.name)
    _tell(tx, near, ctx, domain, [f"{row.section}.{row.name}" for row in rows])


def effective(tx: Tx, near: Near, domain: ProjectRow) -> Config:
    """What holds, sensitive values put in where `%(password)s` asks for them."""
    written = near.settings.domains.get(domain.name)
    rows = [] if written is not None else [_opened(tx, near, r) for r in domain_options.of_domain(tx, domain.id)]
    config: Config = _nested(rows) if written is None else {name: dict(values) for name, values in written.items()}
    secrets = {n: v for s, names in _SENSITIVE.items() for n, v in config.get(s, {}).items() if n in names}
    for values in config.values():
        for name, value in values.items():
            if isinstance(value, str) and "%(" in value and name not in secrets:
                values[name] = _filled(domain, name, value, secrets)
    return config


def directory_options(config: Config) -> DirectoryOptions | None:
    """The directory that a domain's users come from, if they do. Raises `ValueError` for options that cannot be meant."""
    if config.get("identity", {}).get("driver") != "ldap":
        return None
    return _converted("ldap", config.get("ldap", {}))  # type: ignore[return-value]


def list_limit(config: Config) -> int | None:
    return _converted("identity", config.get("identity", {})).list_limit  # type: ignore[no-any-return, attr-defined]


def check_written(domains: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """What is wrong with `[identity.domains]` in the configuration file, a sentence each."""
    problems = []
    for domain, config in domains.items():
        try:
            _checked({section: dict(values) for section, values in config.items()})
        except Forbidden as refusal:
            problems.append(f"[identity.domains.{domain}]: {refusal.message}")
    return problems


# --- what may be said ---------------------------------------------------------------------------------------------------


def _checked(config: Any) -> Config:
    if not config or not isinstance(config, dict):
        raise _refused("No options specified")
    for section, values in config.items():
        if not values or not isinstance(values, dict):
            raise _refused(f"The value of group {section} specified in the config should be a dictionary of options")
        for name in values:
            _check_names(section, name)
        try:
            _converted(section, values)
        except ValueError as problem:
            raise _refused(f"{problem} in group {section}") from None
    return config


def _check_names(section: str, name: str) -> None:
    if section and section not in _SECTIONS:
        raise _refused(f"Group {section} is not supported for domain specific configurations")
    if name and name not in _SECTIONS[section].__struct_fields__:
        raise _refused(f"Option {name} in group {section} is not supported for domain specific configurations")


def _check_only(wanted: Config, section: str, name: str) -> None:
    """Raises `Forbidden` unless just that section, or just that option, is wanted."""
    if len(wanted) != 1 or (name and len(wanted[section]) != 1):
        what = f"option {name} in group {section}" if name else f"group {section}"
        thing = "option must be specified " if name else "group must be specified"
        raise _refused(f"Trying to update {what}, so that, and only that, {thing} in the config")
    other = next(iter(wanted))
    if section != other:
        raise _refused(f"request to update group {section}, but config provided contains group {other} instead")
    if name and name not in wanted[section]:
        raise _refused(
            f"Trying to update option {name} in group {section}, but config provided contains option "
            f"{next(iter(wanted[section]))} instead"
        )


def _converted(section: str, values: Mapping[str, Any]) -> Struct:
    """Numbers and switches may be written as text. Null is the default."""
    given = {name: value for name, value in values.items() if value is not None}
    for field in msgspec.structs.fields(_SECTIONS[section]):
        if field.name in given:
            try:
                value = given[field.name]
                if isinstance(value, str) and "tuple" in str(field.type):
                    value = [part.strip() for part in value.split(",") if part.strip()]
                given[field.name] = msgspec.convert(value, field.type, strict=False)
            except msgspec.ValidationError as problem:
                raise ValueError(f"{problem} for option {field.name}") from None
    return _SECTIONS[section](**given)


# --- small parts ----------------------------------------------------------------------------------------------------------


def _store(tx: Tx, near: Near, ctx: Ctx, domain: ProjectRow, wanted: Config) -> None:
    rows = [
        _closed(tx, near, DomainOptionRow(domain.id, section, name, value, name in _SENSITIVE[section]))
        for section, values in wanted.items()
        for name, value in values.items()
    ]
    domain_options.put(tx, rows)
    _tell(tx, near, ctx, domain, [f"{row.section}.{row.name}" for row in rows])


def _closed(tx: Tx, near: Near, row: DomainOptionRow) -> DomainOptionRow:
    if not row.sensitive:
        return row
    sealed, key_id = near.vault.seal(tx, msgspec.json.encode(row.value).decode())
    return replaced(row, value=sealed, key_id=key_id)


def _opened(tx: Tx, near: Near, row: DomainOptionRow) -> DomainOptionRow:
    if row.key_id is None:
        return row
    return replaced(row, value=msgspec.json.decode(near.vault.unseal(tx, row.value, row.key_id)))


def _tell(tx: Tx, near: Near, ctx: Ctx, domain: ProjectRow, names: list[str]) -> None:
    changed(tx, near, ctx, "domain.configure", domain.id, data={"options": names})


def _shown(tx: Tx, domain_id: str) -> dict[str, Any]:
    return _nested([row for row in domain_options.of_domain(tx, domain_id) if not row.sensitive])


def _nested(rows: list[DomainOptionRow]) -> Config:
    found: Config = {}
    for row in rows:
        found.setdefault(row.section, {})[row.name] = row.value
    return found


def _is_among(row: DomainOptionRow, section: str, name: str) -> bool:
    return (not section or row.section == section) and (not name or row.name == name)


def _defaults(section: str) -> dict[str, Any]:
    hidden = _SENSITIVE[section] | _OURS[section]
    return {name: v for name, v in msgspec.structs.asdict(_SECTIONS[section]()).items() if name not in hidden}


def _compliance(near: Near, domain_id: str, name: str) -> dict[str, Any]:
    """What everybody may know of the rules for passwords."""
    if domain_id != refusals.DEFAULT_DOMAIN:
        raise _refused(
            "Reading security compliance information for any domain other than the default domain is not allowed or supported."
        )
    if name and name not in _READABLE:
        raise _refused(
            "Reading security compliance values other than password_regex and password_regex_description is not allowed."
        )
    values = {known: getattr(near.compliance, known) or None for known in _READABLE}
    return {name: values[name]} if name else {_COMPLIANCE: values}


def _filled(domain: ProjectRow, name: str, value: str, secrets: Mapping[str, Any]) -> str:
    try:
        return value % secrets
    except (KeyError, ValueError, TypeError):
        log.warning("domain %s: option %s asks for something that is not there: %s", domain.name, name, value)
        return value


def _refused(reason: str) -> Forbidden:
    return Forbidden(f"Invalid domain specific configuration: {reason}.")


def _missing(domain_id: str, section: str, name: str) -> NotFound:
    what = f"option {name} in group {section}" if name else f"group {section}" if section else "any options"
    return NotFound(f"Could not find {what} in domain configuration for domain {domain_id}.")
