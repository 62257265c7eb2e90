"""Compare the fits of two studies: a figure of both, and a table of the differences."""

import argparse
from pathlib import Path

from rlscale.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=Path, required=True, help="fit document of this study")
    parser.add_argument("--other", type=Path, required=True, help="fit document of another")
    parser.add_argument("--configuration", required=True, help="digest of the configuration")
    parser.add_argument("--output", type=Path, required=True, help="the PDF; PNG and CSV beside it")
    arguments = parser.parse_args()

    from rlscale.manifests import code_digest, input_fingerprints, read_json
    from rlscale.plots.compare import compared
    from rlscale.plots.output import save
    from rlscale.plots.style import style

    fits = (arguments.one, arguments.other)
    provenance = {
        "figure": arguments.output.stem,
        "configuration": arguments.configuration,
        "code": {"module": "rlscale.plots.compare", "digest": code_digest("rlscale.plots.compare")},
        "inputs": input_fingerprints({str(path): path for path in fits}),
    }
    with style():
        drawing = compared(*map(read_json, fits))
        save(drawing, arguments.output.stem, arguments.output.parent, provenance)


if __name__ == "__main__":
    main()
