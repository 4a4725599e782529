"""Settings: sections as frozen structs, from a TOML file and the environment."""

from pileus.kernel.config.sections import MASK, Option, Section, doc, options
from pileus.kernel.config.settings import ConfigError, Settings, Shown, load

__all__ = ["MASK", "ConfigError", "Option", "Section", "Settings", "Shown", "doc", "load", "options"]
