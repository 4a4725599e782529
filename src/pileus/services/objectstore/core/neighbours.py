"""What decisions about objects need beyond their transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pileus.contracts.identity import Identity
from pileus.drivers.blob.protocol import BlobStore
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.services.objectstore.core.arrivals import Arrivals
from pileus.services.objectstore.core.departures import Departures
from pileus.services.objectstore.core.pacing import Pace
from pileus.services.objectstore.core.rooms import Rooms
from pileus.services.objectstore.core.settings import ObjectSettings


@dataclass(frozen=True)
class Neighbours:
    settings: ObjectSettings
    policy: Policy
    db: Database
    """For bytes alone: what takes or gives them decides before and after."""
    stores: Mapping[str, BlobStore]
    """By storage policy; the first is the default."""
    identity: Identity
    arrivals: Arrivals
    departures: Departures = field(default_factory=Departures)
    away: set[str] = field(default_factory=set)
    """Storage policies whose folder is not the one that it was: nothing is to be written there."""

    @cached_property
    def rooms(self) -> Rooms:
        return Rooms(self.db.stamps)

    @cached_property
    def pace(self) -> Pace:
        """One for all faces."""
        return Pace(self.settings)

    @property
    def default_place(self) -> str:
        return next(iter(self.stores))
