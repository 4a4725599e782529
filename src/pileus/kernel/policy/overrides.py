"""An operator's `policy.yaml` (or `.json`): rule names to rules."""

from pathlib import Path

import yaml

from pileus.kernel.policy.rules import Source
from pileus.kernel.policy.syntax import PolicyError, parse


def load_overrides(path: Path | str) -> dict[str, Source]:
    """Reads and checks one file. Raises `PolicyError` naming the file, and the rule that cannot be read.

    An empty file overrides nothing. A file that is not there is an error: the operator asked for it.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: this is not YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise PolicyError(f"{path}: a mapping of rule names to rules was expected")
    for name, source in content.items():
        if not isinstance(name, str) or not isinstance(source, str | list):
            raise PolicyError(f"{path}: rule {name!r}: a rule is a text or a list of lists, not {source!r}")
        try:
            parse(source)
        except PolicyError as error:
            raise PolicyError(f"{path}: rule {name!r}: {error}") from None
    return content
