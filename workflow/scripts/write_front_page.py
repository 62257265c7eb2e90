"""Write the report's front page from checks, findings and pictures."""

import argparse
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--checks", type=Path, required=True)
    parser.add_argument("--figures", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--captions", type=Path, required=True, help="folder of their findings")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.core.files import read_json, write_text
    from rlscale.report.front_page import front_page

    static = Path(__file__).parent.parent / "report"
    page = front_page(
        arguments.study,
        read_json(arguments.checks),
        arguments.figures,
        arguments.captions,
        static,
    )
    write_text(arguments.output, page)


if __name__ == "__main__":
    main()
