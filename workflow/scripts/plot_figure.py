"""Draw one figure: PDF, PNG, CSV and the caption that its data give."""

import argparse
import json
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


@sentence_not_traceback
def main() -> None:
    """Parse the paths, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", help="a name of rlscale.report.figures.registry")
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--configuration", required=True, help="digest of the configuration")
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--fits", type=Path, nargs="*", default=[])
    parser.add_argument("--tables", type=_named, nargs="*", default=[], help="name=path")
    parser.add_argument("--cells", type=Path, required=True, help="the study's cells")
    parser.add_argument("--caption", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="the PDF; others beside it")
    arguments = parser.parse_args()

    from rlscale.report.figures.draw import draw

    draw(
        arguments.figure,
        curves=arguments.curves,
        fits=arguments.fits,
        tables=dict(arguments.tables),
        cells=arguments.cells,
        settings=arguments.settings,
        configuration=arguments.configuration,
        folder=arguments.output.parent,
        caption=arguments.caption,
    )


if __name__ == "__main__":
    main()
