"""Limits on what a project may have, counted from the rows themselves."""

from pileus.kernel.quota.quotas import Quota, Quotas

__all__ = ["Quota", "Quotas"]
