"""Query strings of lists."""

import re
from urllib.parse import urlencode

from pileus.kernel.rest import Query
from pileus.kernel.types import SECOND, Filter, Invalid, Listing, Sort, parse
from pileus.services.image.core.settings import ImageSettings
from pileus.services.image.db.searches import Search

SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
_OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte")
_LISTED = ("name", "id", "status", "container_format", "disk_format")
_PLAIN = ("checksum", "os_hash_algo", "os_hash_value", "owner", "min_disk", "min_ram", "size", "virtual_size")
_RANGES = re.compile(r"(size|virtual_size|min_disk|min_ram)_(min|max)\Z")
_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",]*))\s*(?:,|\Z)')
_TAKEN = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir", "tag", "member_status", "visibility", "deleted"})


def image_search(query: Query, settings: ImageSettings) -> Search:
    """Raises `Invalid` in the words of the API. Names that are no attribute are properties."""
    filters: list[Filter] = []
    apart: list[tuple[str, int]] = []
    properties: list[tuple[str, str]] = []
    for name in query.names():
        value = query.one(name) or ""
        if name in _TAKEN or name in {"os_hidden", "protected"}:
            continue
        if name == "changes-since":
            raise Invalid('The "changes-since" filter is no longer available on v2.')
        if name in {"created_at", "updated_at"}:
            _time_conditions(name, value, filters, apart)
            continue
        found = _condition(name, value)
        if found is None:
            properties.append((name, value))
        else:
            filters.append(found)
    filters += _flags(query)
    return Search(
        project_id="",
        everything=False,
        visibility=_one_of(
            query, "visibility", ("community", "public", "private", "shared", "all"), "visibility value"
        ),
        member_status=_one_of(query, "member_status", ("pending", "accepted", "rejected", "all"), "status")
        or "accepted",
        apart=tuple(apart),
        tags=tuple(tag.strip() for tag in query.all("tag")),
        properties=tuple(properties),
        listing=listing(query, settings, tuple(filters), SORT_KEYS),
    )


def listing(query: Query, settings: ImageSettings, filters: tuple[Filter, ...], keys: tuple[str, ...]) -> Listing:
    """Order and page, in either syntax."""
    sorts = _sorts(query, keys)
    named = {sort.field for sort in sorts}
    default = sorts[-1].descending if len({sort.descending for sort in sorts}) == 1 else True
    sorts += [Sort(name, default) for name in ("created_at", "id") if name not in named]
    return Listing(filters=filters, sort=tuple(sorts), marker=query.one("marker"), limit=limit(query, settings))


def _condition(name: str, value: str) -> Filter | None:
    bound = _RANGES.match(name)
    if bound is not None:
        return Filter(bound[1], "gte" if bound[2] == "min" else "lte", (_number(value),))
    if name in _LISTED:
        word, colon, rest = value.partition(":")
        if colon and word == "in":
            return Filter(name, "in", tuple(_items(rest)))
        if colon and word in {*_OPERATORS[1:], "nin"}:
            raise Invalid(f"Unable to filter by unknown operator '{word}'.")
        return Filter(name, "eq", (rest if colon and word == "eq" else value,))
    if name in _PLAIN:
        return Filter(name, "eq", (value,))
    return None


def _flags(query: Query) -> list[Filter]:
    hidden = (query.one("os_hidden") or "false").lower()
    if hidden not in {"true", "false"}:
        raise Invalid(f"Invalid value '{hidden}' for 'os_hidden' filter. Valid values are 'true' or 'false'.")
    found = [Filter("os_hidden", "eq", (hidden == "true",))]
    protected = query.one("protected")
    if protected is not None:
        if protected not in {"true", "false"}:
            raise Invalid(f"Invalid value '{protected}' for 'protected' filter. Valid values are 'true' or 'false'.")
        found.append(Filter("protected", "eq", (protected == "true",)))
    return found


def _one_of(query: Query, name: str, allowed: tuple[str, ...], what: str) -> str | None:
    value = query.one(name)
    if not value:
        return None
    if value not in allowed:
        raise Invalid(f"Invalid {what}: {value}")
    return value


def _time_conditions(name: str, value: str, filters: list[Filter], apart: list[tuple[str, int]]) -> None:
    """`gt:2026-01-01T00:00:00Z`. Rows know microseconds, clients see whole seconds: a second is a stretch of time."""
    word, colon, text = value.partition(":")
    if not (colon and word.isalpha()):
        word, text = "eq", value
    if word not in _OPERATORS:
        raise Invalid("Unable to filter on a unknown operator.")
    try:
        begin = parse(text.replace(" ", "+")) // SECOND * SECOND
    except (ValueError, OverflowError):
        raise Invalid(f'Bad "{name}" query filter format. Use ISO 8601 DateTime notation.') from None
    if word == "neq":
        apart.append((name, begin))
    if word in {"eq", "gte"}:
        filters.append(Filter(name, "gte", (begin,)))
    if word in {"eq", "lte"}:
        filters.append(Filter(name, "lt", (begin + SECOND,)))
    if word == "gt":
        filters.append(Filter(name, "gte", (begin + SECOND,)))
    if word == "lt":
        filters.append(Filter(name, "lt", (begin,)))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Invalid("Unable to filter on a range with a non-numeric value.") from None


def _items(text: str) -> list[str]:
    """`a,"b,c",d`: quotes keep commas, a backslash keeps a quote."""
    found, at = [], 0
    while at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            raise Invalid(
                f"Invalid filter value {text}. The quote is not closed."
                if text.count('"') % 2
                else f"Invalid filter value {text}. There is no comma before or after quotation mark."
            )
        found.append(re.sub(r"\\(.)", r"\1", item[1]) if item[1] is not None else (item[2] or "").strip())
        at = item.end()
    return found


def _sorts(query: Query, keys: tuple[str, ...]) -> list[Sort]:
    both = query.one("sort")
    if both is not None:
        if query.has("sort_key") or query.has("sort_dir"):
            raise Invalid("Old and new sorting syntax cannot be combined")
        pairs = [part.partition(":") for part in both.strip().split(",")]
        return [Sort(_key(key.strip(), keys), _descending(word.strip() or "desc")) for key, _, word in pairs]
    names = [_key(key.strip(), keys) for key in query.all("sort_key")]
    words = [_descending(word.strip()) for word in query.all("sort_dir")]
    if len(words) > 1 and len(words) != len(names):
        raise Invalid("Number of sort dirs does not match the number of sort keys")
    words = words if len(words) > 1 else [words[0] if words else True] * max(1, len(names))
    return [Sort(name, descending) for name, descending in zip(names or ["created_at"], words, strict=True)]


def _key(key: str, keys: tuple[str, ...]) -> str:
    if key not in keys:
        raise Invalid(f"Invalid sort key: {key}. It must be one of the following: {', '.join(keys)}.")
    return key


def _descending(word: str) -> bool:
    if word not in {"asc", "desc"}:
        raise Invalid(f"Invalid sort direction: {word}")
    return word == "desc"


def limit(query: Query, settings: ImageSettings) -> int:
    """The page size asked for, bounded by the settings."""
    text = query.one("limit")
    if text is None:
        return min(settings.page_size, settings.page_size_max)
    try:
        number = int(text)
    except ValueError:
        raise Invalid("limit param must be an integer") from None
    if number < 0:
        raise Invalid("limit param must be positive")
    return min(number, settings.page_size_max)


def links(query: Query, path: str, marker: str | None) -> dict[str, str]:
    """`first`, and `next` where a marker says that there is one."""
    kept = [(name, value) for name, value in query.pairs if name != "marker"]
    found = {"first": f"{path}?{urlencode(kept)}" if kept else path}
    if marker is not None:
        found["next"] = f"{path}?{urlencode([*kept, ('marker', marker)])}"
    return found
