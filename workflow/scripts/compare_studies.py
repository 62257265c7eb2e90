"""Compare the fits of two studies: differences of parameters and slopes, with intervals."""

import argparse
from pathlib import Path

from rlscale.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=Path, required=True, help="fit document of this study")
    parser.add_argument("--other", type=Path, required=True, help="fit document of another")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.compare import compare_fits
    from rlscale.manifests import read_json, write_text

    table = compare_fits(read_json(arguments.one), read_json(arguments.other))
    write_text(arguments.output, table.to_csv(index=False, float_format="%.10g"))


if __name__ == "__main__":
    main()
