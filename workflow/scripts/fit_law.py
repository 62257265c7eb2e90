"""Fit one law to the curves of a study, with intervals and a verdict."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, fit, write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings", type=json.loads, required=True, help="{fit: ..., code: digest}"
    )
    parser.add_argument("--law", required=True)
    parser.add_argument("--x", required=True)
    parser.add_argument("--metric", required=True)
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--outcomes", type=Path, help="outcomes.parquet, where there is one")
    parser.add_argument("--cells", type=Path, required=True, help="the study's cells")
    parser.add_argument("--protocols", type=Path, help="settings in which cells differ")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    import pandas

    from rlscale.core.files import write_json
    from rlscale.core.tables import read_curves
    from rlscale.laws.protocols import read_differences
    from rlscale.laws.spec import FitSpec, Settings
    from rlscale.laws.study import Sources, fit_study, rounded

    sources = Sources(
        outcomes=pandas.read_parquet(arguments.outcomes) if arguments.outcomes else None,
        protocols=read_differences(arguments.protocols) if arguments.protocols else None,
        expected=arguments.cells.read_text().split(),
    )
    spec = FitSpec(
        arguments.law, arguments.x, arguments.metric, Settings.of(arguments.settings["fit"])
    )
    found = fit_study(read_curves(arguments.curves), spec, sources)
    write_json(arguments.output, rounded(found.to_json()))


if __name__ == "__main__":
    main()
