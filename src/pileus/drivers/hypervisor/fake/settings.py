"""What a simulated host has, how long things take on it, and how often they fail."""

from msgspec import Struct


class FakeSettings(Struct, frozen=True, kw_only=True):
    """Times are seconds; 0 means no waiting at all. Rates are probabilities between 0 and 1."""

    vcpus: int = 64
    ram_mb: int = 262144
    disk_gb: int = 4096
    cpu_ratio: float = 16.0
    """More than vcpus * cpu_ratio, ram_mb * ram_ratio or disk_gb * disk_ratio asked of one host: it has no room."""
    ram_ratio: float = 1.5
    disk_ratio: float = 16.0

    fetch_s: float = 0.0
    """The first time that an image is used on a host."""
    start_s: float = 0.0
    """From off to running."""
    boot_s: float = 0.0
    """From running to the login prompt, as the console tells it."""
    stop_s: float = 0.0
    """How long a guest takes to heed ACPI; longer than `stop_timeout` means it is forced."""
    change_s: float = 0.0
    """Any other change: plug, pause, resume, resize."""
    remove_s: float = 0.0
    jitter: float = 0.0
    """Each time is stretched or shrunk by at most this share of itself."""

    fetch_failures: float = 0.0
    ensure_failures: float = 0.0
    remove_failures: float = 0.0
    crashes: float = 0.0
    """How often a guest dies while it starts (it is then seen as crashed)."""
    seed: int = 0
    """Of the dice: the same seed throws the same failures and jitter."""
