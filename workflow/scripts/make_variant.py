"""Lay a set's training problems out over the steps of a recipe, each problem tau times."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths and make the variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the set's manifest")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.data.prepare import make_variant

    make_variant(**vars(arguments))


if __name__ == "__main__":
    main()
