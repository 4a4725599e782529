"""Options of `[events]`."""

from typing import Annotated

from pileus.kernel.config import Section, doc
from pileus.kernel.types import DAY, Micros


class EventsSettings(Section, frozen=True):
    """Options of `[events]`."""

    keep_days: Annotated[int, doc("Days that the change log is kept; 0: for ever.")] = 90

    @property
    def keep(self) -> Micros:
        return self.keep_days * DAY
