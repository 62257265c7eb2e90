"""Put the tables of all cells together."""

import argparse
from pathlib import Path

from rlscale.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, collect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curve", type=Path, nargs="+", required=True, help="curve.csv of cells")
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--outcomes", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.curves import collect

    folders = [path.parent for path in arguments.curve]
    collect(folders, arguments.curves, arguments.outcomes, arguments.ledger)


if __name__ == "__main__":
    main()
