"""Check a study's tables and fits."""

import argparse
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, check, write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--fits", type=Path, nargs="*", default=[])
    parser.add_argument("--cells", type=Path, required=True, help="the study's cells")
    parser.add_argument("--outcomes", type=Path)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--protocols", type=Path, help="settings in which cells differ")
    parser.add_argument("--seen", type=Path, nargs="*", default=[], help="seen.csv of corpora")
    parser.add_argument("--benchmark", required=True, help="the benchmark of the fits")
    parser.add_argument("--allow-missing", action="store_true")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    import pandas

    from rlscale.answers.checks import as_table, check_results
    from rlscale.core.files import read_json, write_json
    from rlscale.core.tables import read_curves

    checks = check_results(
        read_curves(arguments.curves),
        {path.stem: read_json(path) for path in arguments.fits},
        expected=arguments.cells.read_text().split(),
        outcomes=pandas.read_parquet(arguments.outcomes) if arguments.outcomes else None,
        ledger=pandas.read_csv(arguments.ledger) if arguments.ledger else None,
        protocols=pandas.read_csv(arguments.protocols) if arguments.protocols else None,
        seen={path.parent.name: pandas.read_csv(path) for path in arguments.seen},
        benchmark=arguments.benchmark,
        allow_missing=arguments.allow_missing,
    )
    write_json(arguments.output, as_table(checks))


if __name__ == "__main__":
    main()
