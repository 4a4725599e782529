"""Compute: servers, their sizes, keys and hosts. Emulates Nova, API 2.1."""
