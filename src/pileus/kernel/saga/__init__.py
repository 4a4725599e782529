"""Long work with an end and an undo, that survives the death of its process.

`start` and `cancel` commit with the decision that calls them; a `Runner` does the steps.
See docs/explanation/long-work.md.
"""

from pileus.kernel.saga.decisions import abandon, alarms, cancel, census, find, history, listed, retry, running, start
from pileus.kernel.saga.ground import Probe
from pileus.kernel.saga.lock import broken, found_in, lock_lines
from pileus.kernel.saga.runner import Runner
from pileus.kernel.saga.settings import SagaSettings
from pileus.kernel.saga.steps import Abort, Params, Run, Saga, Tx, Wait, World
from pileus.kernel.saga.tables import SagaRow, StepRow

__all__ = [
    "Abort",
    "Params",
    "Probe",
    "Run",
    "Runner",
    "Saga",
    "SagaRow",
    "SagaSettings",
    "StepRow",
    "Tx",
    "Wait",
    "World",
    "abandon",
    "alarms",
    "broken",
    "cancel",
    "census",
    "find",
    "found_in",
    "history",
    "listed",
    "lock_lines",
    "retry",
    "running",
    "start",
]
