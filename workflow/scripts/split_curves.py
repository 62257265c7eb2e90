"""Split curves into the rows that a forecast may learn from and the names of its targets."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, split, write both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings", type=json.loads, required=True, help="{fit: ..., protocol: ..., metric: ...}"
    )
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--train", type=Path, required=True, help="rows to learn from")
    parser.add_argument("--targets", type=Path, required=True, help="sizes to forecast, no rows")
    arguments = parser.parse_args()

    from rlscale.answers.forecast import Split, split_curves
    from rlscale.core.files import write_json
    from rlscale.core.tables import read_curves, write_curves
    from rlscale.laws.spec import Settings

    settings = arguments.settings
    split, fit = Split.of(settings["protocol"]), Settings.of(settings["fit"])
    rows, targets = split_curves(read_curves(arguments.curves), split, fit, settings["metric"])
    write_curves(rows, arguments.train)
    write_json(arguments.targets, [target.to_json() for target in targets])


if __name__ == "__main__":
    main()
