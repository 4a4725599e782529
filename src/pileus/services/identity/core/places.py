"""The catalog as a token shows it, and the templates in its URLs."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.types import Invalid
from pileus.services.identity.core.neighbours import Near

_KNOWN = ("tenant_id", "project_id", "user_id", "compute_host", "public_endpoint")
"""What a URL may ask for, as `$(project_id)s` or `%(project_id)s`."""


def catalog(tx: Tx, near: Near, user_id: str, project_id: str) -> list[dict[str, Any]]:
    """Services with their endpoints. An endpoint that needs a project is left out where there is none.

    A project with endpoint filters sees what they let through, and services of which something is left.
    """
    shown = near.memory.shown(tx, project_id) if project_id else frozenset()
    if not shown and not near.settings.whole_catalog_if_unfiltered:
        return []
    values = {"user_id": user_id}
    if project_id:
        values.update(project_id=project_id, tenant_id=project_id)
    found: dict[str, dict[str, Any]] = {}
    for offer in near.memory.offers(tx):
        if shown and offer.endpoint_id not in shown:
            continue
        entry = found.get(offer.service_id)
        if entry is None:
            entry = {"endpoints": [], "id": offer.service_id, "type": offer.type, "name": offer.name}
            found[offer.service_id] = entry
        url = _fill(offer.url, values)
        if offer.endpoint_id and url is not None:
            entry["endpoints"].append(
                {
                    "id": offer.endpoint_id,
                    "interface": offer.interface,
                    "region_id": offer.region_id,
                    "url": url,
                    "region": offer.region_id,
                }
            )
    return [entry for entry in found.values() if entry["endpoints"] or not shown]


def check_url(url: str) -> None:
    """Raises `Invalid` for a template that asks for something unknown."""
    try:
        url.replace("$(", "%(") % dict.fromkeys(_KNOWN, "")
    except (KeyError, TypeError, ValueError):
        raise Invalid(f"Cannot create an endpoint with an invalid URL: {url}.") from None


def _fill(url: str, values: dict[str, str]) -> str | None:
    if "(" not in url:
        return url
    try:
        return url.replace("$(", "%(") % values
    except (KeyError, TypeError, ValueError):
        return None
