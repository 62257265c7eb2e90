"""Compare the forecasts of all laws under one protocol with what happened."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, score, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="{fit: ...}")
    parser.add_argument("--protocol", required=True, help="name of the protocol")
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--forecasts", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.answers.ranking import score_forecasts
    from rlscale.core.files import read_json, write_text
    from rlscale.core.tables import read_curves
    from rlscale.laws.spec import Settings

    table = score_forecasts(
        read_curves(arguments.curves),
        [read_json(path) for path in arguments.forecasts],
        arguments.protocol,
        Settings.of(arguments.settings["fit"]),
    )
    write_text(arguments.output, table.to_csv(index=False, float_format="%.10g"))


if __name__ == "__main__":
    main()
