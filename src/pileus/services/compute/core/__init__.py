"""Decisions of compute: sync, one transaction, no SQL."""
