"""Policies, and which of them is for which endpoint."""

from typing import Any

import msgspec

from pileus.kernel.db import Page, Tx
from pileus.kernel.types import Ctx, Invalid, Listing, NotFound, new_hex
from pileus.services.identity.core import endpoints, refusals, regions, services
from pileus.services.identity.core.changes import changed
from pileus.services.identity.core.extras import merged
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db import catalog, policies
from pileus.services.identity.db.catalog import EndpointRow
from pileus.services.identity.db.policies import Place, PolicyRow

Want = dict[str, Any]


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> PolicyRow:
    row = policies.find(tx, id)
    if row is None:
        raise refusals.missing("policy", id)
    return row


def list_page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[PolicyRow]:
    return policies.list_page(tx, listing)


def create(tx: Tx, near: Near, ctx: Ctx, want: Want) -> PolicyRow:
    row = PolicyRow(new_hex(), want["blob"], want["type"], merged({}, want))
    policies.add(tx, row)
    changed(tx, near, ctx, "policy.create", row.id, after=row, matters=False)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: PolicyRow, want: Want) -> PolicyRow:
    if want.get("extra", {}).get("id", row.id) != row.id:
        raise Invalid("Cannot change policy ID")
    new: dict[str, Any] = {k: want[k] for k in ("blob", "type") if k in want}
    new["extra"] = merged(row.extra, want)
    policies.change(tx, row.id, new)
    after = msgspec.structs.replace(row, **new)
    changed(tx, near, ctx, "policy.update", row.id, before=row, after=after, matters=False)
    return after


def delete(tx: Tx, near: Near, ctx: Ctx, row: PolicyRow) -> None:
    policies.remove(tx, row.id)
    changed(tx, near, ctx, "policy.delete", row.id, before=row, matters=False)


def check_place(tx: Tx, near: Near, ctx: Ctx, place: Place) -> None:
    """Raises `NotFound` for what is not there."""
    if place.endpoint_id:
        endpoints.get(tx, near, ctx, place.endpoint_id)
    if place.service_id:
        services.get(tx, near, ctx, place.service_id)
    if place.region_id:
        regions.get(tx, near, ctx, place.region_id)


def check_association(tx: Tx, row: PolicyRow, place: Place) -> None:
    if policies.policy_at(tx, place) != row.id:
        raise NotFound("Could not find policy association.")


def associate(tx: Tx, near: Near, ctx: Ctx, row: PolicyRow, place: Place) -> None:
    policies.associate(tx, place, row.id)
    data = msgspec.structs.asdict(place)
    changed(tx, near, ctx, "policy.associate", row.id, data=data, matters=False)


def dissociate(tx: Tx, near: Near, ctx: Ctx, row: PolicyRow, place: Place) -> None:
    """One that is not there is as good as gone."""
    if policies.policy_at(tx, place) == row.id:
        policies.dissociate(tx, place)
        data = msgspec.structs.asdict(place)
        changed(tx, near, ctx, "policy.dissociate", row.id, data=data, matters=False)


def endpoints_of(tx: Tx, row: PolicyRow) -> list[EndpointRow]:
    """Endpoints that a policy is for, by whichever association."""
    found: dict[str, EndpointRow] = {}
    every = catalog.all_endpoints(tx)
    for place in policies.places_of(tx, row.id):
        inside = regions.below(tx, place.region_id) if place.region_id else None
        for one in every:
            if place.endpoint_id:
                fits = one.id == place.endpoint_id
            else:
                fits = one.service_id == place.service_id and (inside is None or one.region_id in inside)
            if fits:
                found[one.id] = one
    return list(found.values())


def effective(tx: Tx, near: Near, ctx: Ctx, endpoint_id: str) -> PolicyRow:
    """The policy for an endpoint: its own, that of its service in its region or one above, that of its service."""
    endpoint = endpoints.get(tx, near, ctx, endpoint_id)
    places = [Place(endpoint_id=endpoint.id)]
    above = regions.path_up(tx, endpoint.region_id) if endpoint.region_id else []
    places += [Place(service_id=endpoint.service_id, region_id=region_id) for region_id in above]
    places.append(Place(service_id=endpoint.service_id))
    for place in places:
        policy_id = policies.policy_at(tx, place)
        if policy_id is not None:
            return get(tx, near, ctx, policy_id)
    raise NotFound(f"No policy is associated with endpoint {endpoint_id}.")
