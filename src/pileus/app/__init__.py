"""The control plane put together: the only package that knows every service and every driver.

`street` lists the services, `settings` what the cloud as a whole can be told, `addresses` and `listening` where it answers,
`cloud` runs it, `commands` are what the command line asks for.
"""

from pileus.app.cloud import Cloud
from pileus.app.commands import bootstrap, migrate, purge, serve
from pileus.app.street import MODULES, SECTIONS

__all__ = ["MODULES", "SECTIONS", "Cloud", "bootstrap", "migrate", "purge", "serve"]
