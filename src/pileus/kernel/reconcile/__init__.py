"""Work without end: compare what should be with what is, for ever. See docs/explanation/long-work.md."""

from pileus.kernel.reconcile.reconciler import Reconciler, Status
from pileus.kernel.reconcile.reconcilers import Reconcilers

__all__ = ["Reconciler", "Reconcilers", "Status"]
