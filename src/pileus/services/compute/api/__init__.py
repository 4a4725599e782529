"""The face of compute: HTTP as Nova speaks it."""
