"""From a figure back to checkpoints and raw data: read what it carries, verify every digest.

``python -m rlscale.study.lineage results/fig_k_of_N.pdf``
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlscale.core.code import is_current
from rlscale.core.errors import StudyError, sentence_not_traceback
from rlscale.core.files import check_regular, file_sha256, read_json
from rlscale.core.inside import inside_study
from rlscale.core.manifests import (
    input_fingerprints,
    is_manifest,
    read_manifest,
    read_record,
    run_record,
)
from rlscale.report.figures.output import KEY

OK, CHANGED, MISSING, ELSEWHERE = "ok", "CHANGED", "not here", "made elsewhere"
OUTSIDE = "outside this folder, not looked at"


def read_provenance(path: Path) -> dict[str, Any]:
    """What a figure (PDF or PNG) says it was made from.

    Raises:
        StudyError: The file is no figure of this package.
    """
    if not path.exists():
        raise StudyError(f"{path}: there is no such figure")
    check_regular(path)
    text = _from_png(path) if path.suffix == ".png" else _from_pdf(path.read_bytes())
    try:
        said = json.loads(text or "")
        code = said["code"]
        texts = [said["configuration"], code["digest"], code["module"], *said["inputs"].values()]
        whole = all(isinstance(text, str) for text in (*texts, *code.get("used", ())))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise StudyError(f"{path}: carries no provenance; give a PDF or PNG drawn by this package")
    return said


def _from_png(path: Path) -> str | None:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.info.get(KEY)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _from_pdf(data: bytes) -> str:
    """The Keywords of the information dictionary, which matplotlib writes as plain text."""
    found = re.search(rb"/Keywords \(((?:[^()\\]++|\\.)*+)\)", data, re.DOTALL)
    plain = re.sub(rb"\\(.)", rb"\1", found[1]) if found else b""
    return plain.decode(errors="replace")


def trace(figure: Path) -> Iterator[tuple[int, str, str]]:
    """The chain of a figure: (depth, what, status) from the figure down to raw data.

    Paths are relative to the study's folder, which is the current one.
    """
    provenance = read_provenance(figure)
    yield 0, f"{figure}, configuration {provenance['configuration']}", OK
    code = provenance["code"]
    same = is_current(code["module"], code.get("used", ()), code["digest"])
    yield 1, f"code {code['module']} {code['digest']}", OK if same else "other code than now"
    for name, digest in provenance["inputs"].items():
        path = _place(name, figure)
        if path is None:
            yield 1, f"{name} {digest[:16]}", OUTSIDE
            continue
        yield 1, f"{path} {digest[:16]}", _compared(path, digest)
        if path.name == "curves.csv" and path.exists():
            yield from _trace_curves(path)


def _place(name: str, figure: Path) -> Path | None:
    """A path that a figure names, where it lies in the study's folder; no other is looked at."""
    try:
        return inside_study(name, figure)
    except StudyError:
        return None


def _compared(path: Path, digest: str) -> str:
    if not path.exists():
        return MISSING
    return OK if input_fingerprints({"it": path})["it"] == digest else CHANGED


def _trace_curves(path: Path) -> Iterator[tuple[int, str, str]]:
    """Cells of a curves table, with their evaluation, training, model and data."""
    from rlscale.core.tables import read_curves

    folder = path.parent
    made = {
        manifest["fingerprint"]: found
        for kind in ("models", "corpora", "data", "benchmarks")
        for found in sorted((folder / kind).rglob("manifest.json"))
        if is_manifest(manifest := read_json(found))
    }
    shown: set[str] = set()
    for cell, rows in read_curves(path).groupby("cell", sort=True):
        sources = [source for source in rows["source"].dropna().unique() if source != "study"]
        if sources:
            yield 2, f"cell {cell}: {', '.join(sources)}", ELSEWHERE
            continue
        train, evaluation = (
            folder / "cells" / str(cell) / name for name in ("train.json", "eval.json")
        )
        if not (train.exists() and evaluation.exists()):
            yield 2, f"cell {cell}: its manifests", MISSING
            continue
        scored, trained = read_manifest(evaluation, "eval"), read_manifest(train, "train")
        linked = trained["fingerprint"] in _inputs(evaluation).values()
        yield 2, f"cell {cell}: evaluation {scored['fingerprint']}", _files(scored)
        said = f"training {trained['fingerprint']}{_computed_on(train)}"
        yield 3, said, _files(trained) if linked else CHANGED
        yield from _trace_inputs(train, made, shown, 4)


def _trace_inputs(
    path: Path, made: Mapping[str, Path], shown: set[str], depth: int
) -> Iterator[tuple[int, str, str]]:
    """What a manifest's step read, by its run record; ``made`` has manifests by fingerprint."""
    if not run_record(path).exists():
        yield depth, f"{run_record(path)}", MISSING
    for name, fingerprint in _inputs(path).items():
        if fingerprint not in made:
            yield depth, f"{name} {fingerprint[:16]}", MISSING
            continue
        found, again = made[fingerprint], fingerprint in shown
        said = f"{found} {fingerprint}" + (" (as above)" if again else "")
        yield depth, said, _files(read_manifest(found))
        if not again:
            shown.add(fingerprint)
            yield from _trace_inputs(found, made, shown, depth + 1)


def _computed_on(path: Path) -> str:
    """The processor and GPUs of a manifest's run, where its record is here and says so."""
    record = read_record(path) if run_record(path).exists() else {}
    own = record.get("machine", {})
    names = [own.get("processor", ""), *own.get("gpus", [])]
    kernels = f" ({own['torch']})" if "torch" in own else ""
    return f" on {', '.join(map(str, names))}{kernels}" if own else ""


def _inputs(path: Path) -> dict[str, str]:
    """Fingerprints of what a manifest's step read; none where its run record is not here."""
    return read_record(path)["inputs"] if run_record(path).exists() else {}


def _files(manifest: Mapping[str, Any]) -> str:
    """Whether the files that a manifest names are there with their digests."""
    absent = 0
    for entry in manifest["files"]:
        path = Path(entry["path"])
        if not path.exists():
            absent += 1
        elif file_sha256(path) != entry["sha256"]:
            return f"{CHANGED}: {path}"
    count = len(manifest["files"])
    return f"{absent} of {count} files {MISSING}" if absent else f"{OK}, {count} files"


def show(figure: Path) -> None:
    """Print the chain of a figure.

    Raises:
        StudyError: A digest does not hold.
    """
    changed = 0
    for depth, what, status in trace(figure):
        print(f"{'  ' * depth}{what}: {status}")
        changed += status.startswith(CHANGED)
    if changed:
        raise StudyError(f"{changed} links of the chain do not hold (CHANGED above)")


@sentence_not_traceback
def main() -> None:
    """Print the chain of a figure; fail where a digest does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m rlscale.study.lineage")
    parser.add_argument("figure", type=Path, help="a PDF or PNG in the study's results/")
    show(parser.parse_args().figure)


if __name__ == "__main__":
    main()
