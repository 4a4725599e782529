"""Settings of the simulated network."""

from msgspec import Struct, field


class FakeNetworkSettings(Struct, frozen=True, kw_only=True):
    latency: float = 0.0
    """Seconds that each call takes."""
    failures: dict[str, float] = field(default_factory=dict)
    """Probability by call name (`ensure_port`, …; `*` for all others) that the call fails with NetworkError and does
    nothing."""
    seed: int = 0
    """The same seed fails the same calls."""
    vif_type: str = "bridge"
    physical: tuple[str, ...] = ()
