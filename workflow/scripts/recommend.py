"""Answer what to train next, what reuse costs and what would tell settings apart."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, compute, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings", type=json.loads, required=True, help="{fit: ..., recommend: ...}"
    )
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--outcomes", type=Path, help="outcomes.parquet, where there is one")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    import pandas

    from rlscale.answers.recommend import Wishes, recommend
    from rlscale.core.files import write_text
    from rlscale.core.tables import read_curves
    from rlscale.laws.spec import Settings

    page = recommend(
        read_curves(arguments.curves),
        Settings.of(arguments.settings["fit"]),
        Wishes(**arguments.settings["recommend"]),
        pandas.read_parquet(arguments.outcomes) if arguments.outcomes else None,
    )
    write_text(arguments.output, page)


if __name__ == "__main__":
    main()
