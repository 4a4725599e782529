"""The outside world: one folder per family, the protocol beside its implementations."""
