"""Fit every law to the rows that a forecast may learn from, and predict its targets."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, forecast, write one document per law."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings",
        type=json.loads,
        required=True,
        help="{fit: ..., protocol: ..., x: ..., metric: ...}",
    )
    parser.add_argument("--laws", nargs="+", required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--targets", type=Path, required=True)
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="one per law")
    arguments = parser.parse_args()

    from rlscale.answers.forecast import forecast_curves
    from rlscale.core.files import read_json, write_json
    from rlscale.core.tables import read_curves
    from rlscale.laws.results import rounded

    settings = arguments.settings
    train, targets = read_curves(arguments.train), read_json(arguments.targets)
    for law, output in zip(arguments.laws, arguments.outputs, strict=True):
        document = forecast_curves(
            train,
            targets,
            law=law,
            protocol=settings["protocol"],
            x=settings["x"],
            metric=settings["metric"],
            settings=settings["fit"],
        )
        write_json(output, rounded(document))


if __name__ == "__main__":
    main()
