"""`rlscale judge FILE.jsonl --output OUT`: judge responses, in the small environment too."""

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file", type=Path, help="JSON Lines: response, gold and, where it differs, kind"
    )
    parser.add_argument("--output", type=Path, required=True, help="JSON Lines: a verdict a line")
    parser.add_argument("--kind", default="math", help="verifier of lines without their own kind")
    parser.add_argument("--workers", type=int, default=1, help="processes that judge")
    parser.add_argument("--deadline", type=float, default=5.0, help="CPU seconds for an answer")


def run(arguments: argparse.Namespace) -> None:
    """Write outcome, extracted answer and reason of each line; print how many of each."""
    from rlscale.core.files import write_text
    from rlscale.judging.verifiers import judge

    if not arguments.deadline > 0:
        raise StudyError(f"--deadline {arguments.deadline}: a number of seconds above 0")
    rows = read_rows(arguments.file, arguments.kind)
    verdicts: dict[int, dict[str, Any]] = {}
    for kind in sorted({row["kind"] for row in rows}):
        own = [number for number, row in enumerate(rows) if row["kind"] == kind]
        judged = judge(
            [rows[number]["response"] for number in own],
            [rows[number]["gold"] for number in own],
            kind,
            deadline=arguments.deadline,
            workers=arguments.workers,
        )
        verdicts |= dict(zip(own, map(asdict, judged), strict=True))
    lines = [json.dumps(verdicts[number], ensure_ascii=False) for number in range(len(rows))]
    write_text(arguments.output, "".join(f"{line}\n" for line in lines))
    counts = Counter(str(verdict["outcome"] or "gold unusable") for verdict in verdicts.values())
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))


def read_rows(file: Path, kind: str) -> list[dict[str, str]]:
    """Response, gold and kind of each line.

    Raises:
        StudyError: A line is no object, or its response or gold is no text.
    """
    from rlscale.curves.texts import read_text

    if not file.exists():
        raise StudyError(f"{file}: no such file")
    rows = []
    # Not splitlines: U+2028 may stand in a response.
    lines = read_text(file).removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        try:
            row = {"kind": kind, **json.loads(line)}
        except (ValueError, TypeError, RecursionError) as error:
            raise StudyError(f"{file}, line {number}: no JSON object ({error})") from None
        for key in ("response", "gold", "kind"):
            if not isinstance(row.get(key), str):
                raise StudyError(f"{file}, line {number}: key '{key}' must be there, as a text")
        rows.append({key: _writable(row[key]) for key in ("response", "gold", "kind")})
    return rows


def _writable(text: str) -> str:
    """A text with question marks for halves of pairs of surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode()
