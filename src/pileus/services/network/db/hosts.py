"""Hosts that carry networks, as their drivers described themselves, and the agents that the API shows for them."""

from functools import partial
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, Table, Text, bindparam, delete, insert, select, update

from pileus.kernel.db import Flag, Json, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Listing

agents = Table(
    "network_agents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("binary", Text, nullable=False),
    Column("agent_type", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("description", Text),
    Column("admin_state_up", Flag, nullable=False),
    Column("configurations", Json(dict[str, Any]), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("started_at", Time, nullable=False),
    Column("heartbeat_timestamp", Time, nullable=False),
    Index("uq_network_agents_host_binary", "host", "agent_type", unique=True),
)


class AgentRow(Struct, frozen=True):
    """An agent. `alive` is judged by `core` from the heartbeat."""

    id: str
    host: str
    binary: str
    agent_type: str
    topic: str
    description: str | None
    admin_state_up: bool
    configurations: dict[str, Any]
    created_at: int
    started_at: int
    heartbeat_timestamp: int
    alive: bool = False


made = partial(AgentRow)
FIELDS: dict[str, Any] = {c.name: c for c in agents.c}
GET = Query(select(agents).where(agents.c.id == bindparam("id")), into=made)
ALL = Query(select(agents), into=made)
OF_TYPE = Query(select(agents).where(agents.c.agent_type == bindparam("agent_type")), into=made)
INSERT = Query(insert(agents))
UPDATE = Query(update(agents).where(agents.c.id == bindparam("the_id")))
BEAT = Query(
    update(agents)
    .where(agents.c.host.in_(bindparam("hosts", expanding=True)))
    .values(heartbeat_timestamp=bindparam("now"))
)
DELETE = Query(delete(agents).where(agents.c.id == bindparam("id")))


def list_agents(tx: Tx, listing: Listing, alive_since: int) -> Page[AgentRow]:
    """Agents that match; those with a heartbeat after `alive_since` are alive."""
    wanted = select(agents)
    for one in listing.filters:
        if one.field == "alive":
            recent = agents.c.heartbeat_timestamp >= alive_since
            wanted = wanted.where(recent if True in one.values else ~recent)
    return page(tx, wanted, FIELDS, listing.without("alive"), into=made)
