"""Entries of a directory as people and groups."""

from collections.abc import Mapping, Sequence
from typing import Any

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from pileus.drivers.directory.protocol import Crowd, DirectoryOptions, Person

Entry = Mapping[str, list[str]]
"""Values by attribute in lower case; the DN under `dn`."""
BINARY = frozenset({"objectguid", "objectsid"})
"""Attributes of Active Directory whose values are no text: shown, and asked for, as hexadecimal digits."""
_YES = ("true", "1", "yes", "on")


def read(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the library gives for one entry. Values that are no text are shown as hexadecimal digits."""
    entry = {
        name.lower(): [value.hex() if name.lower() in BINARY else _text(value) for value in values]
        for name, values in found["raw_attributes"].items()
    }
    entry["dn"] = [found["dn"]]
    return entry


def same_dn(dn: str) -> str:
    """The form in which equal DNs are equal texts."""
    try:
        parts = [
            (kind.lower(), value.strip().lower(), sep) for kind, value, sep in parse_dn(dn, escape=True, strip=True)
        ]
    except LDAPInvalidDnError:
        return dn.lower()
    return "".join(f"{kind}={value}{sep}" for kind, value, sep in parts)


class People:
    """How entries are read as people."""

    def __init__(self, options: DirectoryOptions) -> None:
        self._options = options
        self._id, self._name = options.user_id_attribute.lower(), options.user_name_attribute.lower()
        self._ignored = {name.lower() for name in options.user_attribute_ignore}
        self._enabled = options.user_enabled_attribute.lower()
        self.members_are_ids = options.user_enabled_emulation_use_group_config and options.group_members_are_ids
        self._project = (options.user_default_project_id_attribute or "").lower()
        self._more = _pairs(options.user_additional_attribute_mapping, options.user_pass_attribute)
        named = [self._id, self._name, options.user_mail_attribute, options.user_description_attribute, self._enabled]
        self.attributes = list(dict.fromkeys([n for n in [*named, self._project, *(a for a, _ in self._more)] if n]))

    def make(self, entry: Entry, among: frozenset[str] | None = None) -> Person | None:
        """None for an entry without id or name. `among`: DNs (or ids) of those who are enabled, where membership says so."""
        id, name, dn = _first(entry, self._id), _first(entry, self._name), entry["dn"][0]
        if not id or not name:
            return None
        return Person(
            id=id,
            name=name,
            dn=dn,
            enabled=self._is_enabled(entry)
            if among is None
            else (id if self.members_are_ids else same_dn(dn)) in among,
            email=self._fact(entry, "email", self._options.user_mail_attribute),
            description=self._fact(entry, "description", self._options.user_description_attribute),
            default_project_id=self._fact(entry, "default_project_id", self._project),
            more=_mapped(entry, self._more, self._ignored),
        )

    def _fact(self, entry: Entry, name: str, attribute: str) -> str | None:
        return None if name in self._ignored or not attribute else _first(entry, attribute.lower())

    def _is_enabled(self, entry: Entry) -> bool:
        options = self._options
        if "enabled" in self._ignored:
            return True
        value = _first(entry, self._enabled)
        if value is None:
            value = options.user_enabled_default
        if options.user_enabled_mask:
            flags = int(value) if value.lstrip("-").isdigit() else 0
            return flags & options.user_enabled_mask != options.user_enabled_mask
        return (value.lower() in _YES) != options.user_enabled_invert


class Crowds:
    """How entries are read as groups."""

    def __init__(self, options: DirectoryOptions) -> None:
        self._id, self._name = options.group_id_attribute.lower(), options.group_name_attribute.lower()
        self._description, self.member = options.group_desc_attribute.lower(), options.group_member_attribute.lower()
        self._ignored = {name.lower() for name in options.group_attribute_ignore}
        self._more = _pairs(options.group_additional_attribute_mapping, options.user_pass_attribute)
        named = [self._id, self._name, self._description, *(a for a, _ in self._more)]
        self.attributes = list(dict.fromkeys(named))

    def make(self, entry: Entry) -> Crowd | None:
        id, name = _first(entry, self._id), _first(entry, self._name)
        if not id or not name:
            return None
        text = None if "description" in self._ignored else _first(entry, self._description)
        return Crowd(
            id=id, name=name, dn=entry["dn"][0], description=text, more=_mapped(entry, self._more, self._ignored)
        )


def _first(entry: Entry, attribute: str) -> str | None:
    return next((value for value in entry.get(attribute, ()) if value), None)


def _pairs(mapping: Sequence[str], never: str) -> list[tuple[str, str]]:
    found = [(a.strip().lower(), b.strip()) for a, _, b in (pair.partition(":") for pair in mapping)]
    return [(attribute, name) for attribute, name in found if attribute and name and attribute != never.lower()]


def _mapped(entry: Entry, pairs: Sequence[tuple[str, str]], ignored: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute, name in pairs:
        values = entry.get(attribute, [])
        if values and name not in ignored:
            found[name] = values[0] if len(values) == 1 else values
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode().replace("\0", "")
    except UnicodeDecodeError:
        return value.hex()
