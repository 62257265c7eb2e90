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

    from rlscale.answers.forecast import Split, Target, forecast_curves
    from rlscale.core.files import read_json, write_json
    from rlscale.core.tables import read_curves
    from rlscale.laws.spec import FitSpec, Settings
    from rlscale.laws.study import rounded

    settings = arguments.settings
    train = read_curves(arguments.train)
    targets = [Target.from_json(target) for target in read_json(arguments.targets)]
    fit, split = Settings.of(settings["fit"]), Split.of(settings["protocol"])
    for law, output in zip(arguments.laws, arguments.outputs, strict=True):
        spec = FitSpec(law, settings["x"], settings["metric"], fit)
        write_json(output, rounded(forecast_curves(train, targets, spec, split)))


if __name__ == "__main__":
    main()
