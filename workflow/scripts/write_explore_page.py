"""Write the page to explore curves, laws and forecasts; one file, no network."""

import argparse
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, fill the template, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--size", required=True, help="column that holds N")
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--fits", type=Path, nargs="*", default=[])
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.core.files import read_json, write_text
    from rlscale.core.tables import read_curves
    from rlscale.report.explore import explore_page

    template = Path(__file__).parent.parent / "report" / "explore.html"
    page = explore_page(
        template.read_text(encoding="utf-8"),
        arguments.study,
        read_curves(arguments.curves),
        {path.stem: read_json(path) for path in arguments.fits},
        arguments.size,
    )
    write_text(arguments.output, page)


if __name__ == "__main__":
    main()
