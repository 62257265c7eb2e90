"""Generate or read a data set, clean it, split it, report on it."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths and prepare the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--settings", type=json.loads, required=True, help="the set's data entry")
    parser.add_argument("--benchmark", type=Path, dest="benchmarks", nargs="*", default=[])
    parser.add_argument("--pass-rates", type=Path, help="manifest of the measured pass rates")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.data.prepare import prepare_set

    prepare_set(**vars(arguments))


if __name__ == "__main__":
    main()
