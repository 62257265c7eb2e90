"""Make the problem table of one benchmark."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths and make the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--settings", type=json.loads, required=True, help="its benchmarks entry")
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.evaluation.benchmarks import make_benchmark

    make_benchmark(
        arguments.name, arguments.settings, problems=arguments.problems, manifest=arguments.manifest
    )


if __name__ == "__main__":
    main()
