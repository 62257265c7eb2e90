"""Put the tables of all cells together."""

import argparse
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, collect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curve", type=Path, nargs="+", required=True, help="curve.csv of cells")
    for output in ("curves", "outcomes", "ledger", "timings"):
        parser.add_argument(f"--{output}", type=Path, required=True)
    arguments = vars(parser.parse_args())

    from rlscale.curves.assemble import collect

    collect([path.parent for path in arguments.pop("curve")], **arguments)


if __name__ == "__main__":
    main()
