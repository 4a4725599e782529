"""Decisions about accounts, containers and objects, and the way of bytes in and out. Shared by both faces."""
