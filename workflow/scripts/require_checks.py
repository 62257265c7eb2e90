"""Fail where a result check failed; name it."""

import argparse
from pathlib import Path

from rlscale.core.errors import StudyError, sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Read the checks, refuse failed ones, mark the rest as passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.core.files import read_json, write_text

    failed = [check for check in read_json(arguments.checks) if check["status"] == "failed"]
    if failed:
        listed = "\n".join(f"  {check['check']}: {check['detail']}" for check in failed)
        raise StudyError(f"{arguments.checks}: {len(failed)} result checks failed:\n{listed}")
    write_text(arguments.output, "no result check failed\n")


if __name__ == "__main__":
    main()
