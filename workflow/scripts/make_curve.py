"""Join one cell's scores with its ledger."""

import argparse
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, join."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--protocol-digest", required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--evaluation", type=Path, required=True)
    parser.add_argument("--curve", type=Path, required=True)
    parser.add_argument("--costs", type=Path, required=True)

    from rlscale.curves.assemble import make_curve

    make_curve(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
