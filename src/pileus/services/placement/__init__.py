"""Placement: who has how much of what. Emulates OpenStack Placement."""
