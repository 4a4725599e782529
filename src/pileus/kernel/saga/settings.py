"""How sagas are run: section `[sagas]`."""

from typing import Annotated

from pileus.kernel.config import Section, doc
from pileus.kernel.types import SECOND, Micros


class SagaSettings(Section, frozen=True):
    concurrency: Annotated[
        int, doc("Sagas at work at once in one process; those that wait or back off do not count.", ge=1)
    ] = 256
    lease: Annotated[
        float, doc("Seconds of silence after which another process may take a process's sagas over.", gt=0)
    ] = 30.0
    backoff: Annotated[
        float, doc("Seconds of the first pause after an error; doubles with each further one.", gt=0)
    ] = 0.2
    backoff_max: Annotated[float, doc("Seconds of the longest pause after an error.", gt=0)] = 30.0
    undo_attempts: Annotated[
        int, doc("So often in a row an undo is tried before its saga is parked as stuck.", ge=1)
    ] = 10
    retention: Annotated[float, doc("Seconds after which sagas that ended are forgotten.", ge=0)] = 7 * 86400.0


def micros(seconds: float) -> Micros:
    return int(seconds * SECOND)
