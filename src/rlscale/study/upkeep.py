"""Upkeep of a study's folder: record, list stale results, trace an output, prune."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.code import is_current
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256, read_json
from rlscale.core.inside import inside_study
from rlscale.core.manifests import is_manifest, read_manifest, read_record, run_record, verify_files
from rlscale.study import grid, layout, runs
from rlscale.study import records as provenance
from rlscale.study.folder import check_folder
from rlscale.study.layout import CellFiles


def record() -> None:
    """Make a direct Snakemake run known to DVC, as if `dvc repro` had run it.

    Raises:
        StudyError: Work is outstanding: DVC would record results of other settings as current.
    """
    with runs.alone():
        provenance.expose_changes()
        plan = runs.dry_run()
        if not runs.nothing_to_do(plan):
            print(plan, file=sys.stderr)
            raise StudyError(
                "work is outstanding (see above), so there is nothing complete to record; "
                "run snakemake first, or `make adopt` after a checkout"
            )
        count = provenance.write_records()
        lock = Path("dvc.lock")
        if (
            lock.exists() and not lock.read_text(encoding="utf-8").strip()
        ):  # DVC was killed while it wrote it
            lock.unlink()
        done = subprocess.run([sys.executable, "-m", "dvc", "commit", "--force", "--quiet"])
        if done.returncode:
            raise StudyError("dvc commit failed, see above")
        print(f"record: {count} outputs recorded; commit dvc.lock, records/ and results/ with git")


def stale() -> None:
    """List the results that were made by other code than today's."""
    known: dict[str, bool] = {}
    count = 0
    for path in sorted(layout.RESULTS.rglob("*.json")):
        manifest = _manifest(path)
        if manifest is None or not run_record(path).exists():
            continue
        code = _code(path)
        if code["digest"] not in known:
            known[code["digest"]] = is_current(code["module"], code.get("used", ()), code["digest"])
        if not known[code["digest"]]:
            count += 1
            print(f"stale: {path} ({manifest['name']}): {code['module']} has changed since")
    print(f"stale: {count} results were made by older code; they stay valid until a recipe's")
    print("stale: version is raised, or rerun_on_code is set, or they are removed by hand")


def _code(manifest: Path) -> dict[str, Any]:
    """Module, digest and used modules of the step that wrote a manifest.

    Raises:
        StudyError: Its run record does not say.
    """
    record = read_record(manifest)
    code = record.get("code") if isinstance(record, dict) else None
    texts = [code.get("module"), code.get("digest")] if isinstance(code, dict) else [None]
    if (
        code is None
        or not all(isinstance(text, str) for text in texts)
        or not isinstance(code.get("used", []), list)
    ):
        raise StudyError(f"{run_record(manifest)}: does not say by which code; remove it")
    return dict(code)


def why(output: str) -> None:
    """Print what an output was made from, back to the raw data, with digests and DVC's hashes.

    In a copy of a study, where no step ran, it is what a figure itself carries.

    Raises:
        StudyError: Nothing is known about the output.
    """
    notes = provenance.read_notes()
    if output not in notes:
        _carried(output)
        return
    hashes = _dvc_hashes()
    waiting, seen = [output], set()
    for name in waiting:
        if name in seen:
            continue
        seen.add(name)
        note = notes.get(name)
        by = f"by {note['rule']}" if note else "given"
        sha256 = file_sha256(name)[:16] if Path(name).is_file() else "not here"
        folder = next((str(p) for p in (Path(name), *Path(name).parents) if str(p) in hashes), None)
        dvc = f", dvc {hashes[folder]} ({folder})" if folder else ""
        print(f"{name}: {by}, sha256 {sha256}{dvc}")
        waiting += note["input"] if note else []


def _carried(output: str) -> None:
    """Print the chain that a figure carries, also for the CSV and SVG beside its PDF."""
    from rlscale.study import lineage

    figure = Path(output)
    if figure.suffix in (".csv", ".svg"):
        figure = figure.with_suffix(".pdf")
    if figure.suffix not in (".pdf", ".png") or not figure.exists():
        raise StudyError(
            f"{output}: no step has made it here. In a copy of a study name a figure (PDF or PNG; "
            "the CSV beside it has its numbers): it carries what it was made from. In the study "
            "itself run `make adopt`"
        )
    print(f"{output}: no step has made it here; what {figure} carries of its making:")
    lineage.show(figure)


def _dvc_hashes() -> dict[str, str]:
    """Path -> hash of every dependency and output of dvc.lock."""
    import yaml

    lock = (
        yaml.safe_load(Path("dvc.lock").read_text(encoding="utf-8"))
        if Path("dvc.lock").exists()
        else None
    )
    return {
        entry["path"]: f"{entry['hash']} {entry[entry['hash']]}"
        for stage in (lock or {}).get("stages", {}).values()
        for entry in [*stage.get("deps", ()), *stage.get("outs", ())]
    }


def prune(config: Mapping[str, Any], checkpoints: bool, remove: bool) -> None:
    """List, or remove, what the study no longer needs.

    Args:
        config: The study's configuration; cells that it no longer names go.
        checkpoints: Also the checkpoints of cells whose evaluation is complete: figures and fits
            need only what was measured on them.
        remove: Whether to remove them, or only to say what would go.

    Raises:
        StudyError: The folder holds another study, another run works in it, or a link leads out.
    """
    with runs.alone():
        check_folder(config["study"], layout.RESULTS)
        named = {cell.path for cell in grid.expand(config)}
        found = _unnamed(named)
        if checkpoints:
            found |= {
                f"checkpoints of {cell}": [CellFiles.of(cell).checkpoints]
                for cell in sorted(named)
                if CellFiles.of(cell).checkpoints.exists() and _evaluated(cell)
            }
        for path in (path for paths in found.values() for path in paths):
            inside_study(path, "rlscale prune")
        for what, paths in sorted(found.items()):
            size = sum(file.lstat().st_size for path in paths for file in path.rglob("*"))
            print(f"prune: {what}: {size / 2**20:.1f} MiB")
            for path in paths if remove else ():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not remove:
            print(f"prune: {len(found)} would go; say make prune YES=1")
            return
        for output in provenance.read_notes():
            made = Path(output)
            if made.is_relative_to(layout.CELL_FOLDERS) and not made.parent.exists():
                provenance.notes_path(output).unlink()
        print(f"prune: {len(found)} removed; `make record` makes it known to DVC")


def _unnamed(named: set[str]) -> dict[str, list[Path]]:
    """Cells here that the configuration does not name -> their folders and records.

    What no rule is known to have made is another's, and stays.
    """
    cells = layout.CELL_FOLDERS
    outputs = {*provenance.read_notes(), *provenance.read_records()}
    made = {str(Path(output).parent) for output in outputs}
    found: dict[str, list[Path]] = {}
    for root in (cells, layout.CHECKPOINTS, layout.STATE, provenance.RECORDS / cells):
        for path in root.glob("*/*/tau*-g*/seed*"):
            cell = str(path.relative_to(root)).removesuffix(".json")
            begun = (layout.STATE / cell).exists() or CellFiles.of(cell).attempts.exists()
            if cell not in named and (str(cells / cell) in made or begun):
                found.setdefault(f"{cell}, no longer named by the configuration", []).append(path)
    return found


def _evaluated(cell: str) -> bool:
    """Whether a cell's evaluation is complete and all its files hold."""
    path = CellFiles.of(cell).evaluation
    try:
        evaluation = read_manifest(path, "eval")
        for entry in evaluation["files"]:
            inside_study(entry["path"], path)
        verify_files(evaluation)
    except StudyError:
        return False
    return True


def _manifest(path: Path) -> dict[str, Any] | None:
    """The manifest at a path, or None where the file is none (a fit, a report)."""
    content = read_json(path)
    return content if is_manifest(content) else None
