"""`python -m pileus.kernel.saga pileus.services sagas.lock` writes the lock file anew.

It has a line for every `Saga` found in the `sagas` rooms of that package. Refused when a released saga would lose, rename or
reorder steps that sagas in flight may stand at; `--force` is for what was never released.
"""

import sys
from pathlib import Path

from pileus.kernel.saga.lock import broken, found_in, lock_lines


def main(arguments: list[str]) -> int:
    package, path = [argument for argument in arguments if argument != "--force"]
    file = Path(path)
    lines = lock_lines(found_in(package))
    wrong = broken(file.read_text().splitlines() if file.exists() else [], lines)
    if wrong and "--force" not in arguments:
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    file.write_text("".join(line + "\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
