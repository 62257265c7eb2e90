"""Make, fetch or link the weights of one model's variant."""

import argparse
import json
import os
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, make the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--identity", type=json.loads, required=True)
    parser.add_argument("--corpus", type=Path, help="manifest of what a made model learns from")
    parser.add_argument("--base", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="keeps the manifest")
    parser.add_argument("--manifest", type=Path, required=True)
    arguments = parser.parse_args()

    os.environ["OMP_NUM_THREADS"] = "1"
    from rlscale.models.sources import make_model

    make_model(**vars(arguments))


if __name__ == "__main__":
    main()
