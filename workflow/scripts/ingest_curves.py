"""Read curves that were made elsewhere into curves.csv."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, read, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="the ingest section")
    parser.add_argument("--study", required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.core.tables import write_curves
    from rlscale.curves.ingest import ingest_curves

    write_curves(ingest_curves(arguments.settings, arguments.study), arguments.output)


if __name__ == "__main__":
    main()
