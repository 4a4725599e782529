"""Hosts and what they offer; the one seam over which the system is cut into machines."""

from pileus.kernel.nodes.agent import Agent, AgentListener
from pileus.kernel.nodes.ca import Authority, Leaf, client_context, fingerprint, request_for, server_context
from pileus.kernel.nodes.channel import Channel, NodeUnreachable
from pileus.kernel.nodes.families import RemoteError
from pileus.kernel.nodes.registry import NodeMissing, Nodes
from pileus.kernel.nodes.stub import stub

__all__ = [
    "Agent",
    "AgentListener",
    "Authority",
    "Channel",
    "Leaf",
    "NodeMissing",
    "NodeUnreachable",
    "Nodes",
    "RemoteError",
    "client_context",
    "fingerprint",
    "request_for",
    "server_context",
    "stub",
]
