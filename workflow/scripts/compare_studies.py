"""Compare the fits of two studies: a figure of both, and a table of the differences."""

import argparse
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=Path, required=True, help="fit document of this study")
    parser.add_argument("--other", type=Path, required=True, help="fit document of another")
    parser.add_argument("--configuration", required=True, help="digest of the configuration")
    parser.add_argument("--output", type=Path, required=True, help="the PDF; PNG and CSV beside it")
    arguments = parser.parse_args()

    from rlscale.core.code import code_digest
    from rlscale.core.files import read_json
    from rlscale.core.manifests import input_fingerprints
    from rlscale.report.figures.compare import compared
    from rlscale.report.figures.output import save
    from rlscale.report.figures.style import style

    fits = (arguments.one, arguments.other)
    provenance = {
        "figure": arguments.output.stem,
        "configuration": arguments.configuration,
        "code": {
            "module": "rlscale.report.figures.compare",
            "digest": code_digest("rlscale.report.figures.compare"),
        },
        "inputs": input_fingerprints({str(path): path for path in fits}),
    }
    with style():
        drawing = compared(*map(read_json, fits))
        save(drawing, arguments.output.stem, arguments.output.parent, provenance)


if __name__ == "__main__":
    main()
