"""Draw what models made here are trained on, less the problems that they must not have seen."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, draw the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--exclude", type=Path, nargs="*", default=[])
    parser.add_argument("--count", type=Path, nargs="*", default=[])
    parser.add_argument("--seen", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.models.corpus import make_corpus

    make_corpus(**vars(arguments))


if __name__ == "__main__":
    main()
