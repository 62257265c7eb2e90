"""List the problems of a data set that can be used, before it is cleaned and split."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths and list the problems."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument(
        "--settings", type=json.loads, required=True, help="keys that decide the rows"
    )
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.data.prepare import list_problems

    list_problems(**vars(arguments))


if __name__ == "__main__":
    main()
