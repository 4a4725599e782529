"""Hosts and what they offer; the one seam over which the system is cut into machines."""

from pileus.kernel.nodes.registry import NodeMissing, Nodes

__all__ = ["NodeMissing", "Nodes"]
