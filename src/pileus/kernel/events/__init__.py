"""The change log: what happened, in one order, for those who follow."""

from pileus.kernel.events.follower import Follower, Followers
from pileus.kernel.events.log import SIGNAL, Event, page_events, prune, record
from pileus.kernel.events.settings import EventsSettings

__all__ = ["SIGNAL", "Event", "EventsSettings", "Follower", "Followers", "page_events", "prune", "record"]
