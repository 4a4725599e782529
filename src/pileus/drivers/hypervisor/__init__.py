"""Hypervisors: what makes a guest run."""
