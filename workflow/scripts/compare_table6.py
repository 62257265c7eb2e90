"""Set K_max and N0 of the published points beside the paper's Table 6."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, fit, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="{fit: ...}")
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--table6", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    import pandas

    from rlscale.answers.published import compare_with_table6
    from rlscale.core.files import write_text
    from rlscale.core.tables import read_curves
    from rlscale.laws.spec import Settings

    page = compare_with_table6(
        read_curves(arguments.curves),
        pandas.read_csv(arguments.table6),
        Settings.of(arguments.settings["fit"]),
    )
    write_text(arguments.output, page)


if __name__ == "__main__":
    main()
