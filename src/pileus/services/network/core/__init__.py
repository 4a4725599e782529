"""Decisions of network: sync, `tx` first, no SQL, no HTTP, no waiting."""
