"""Upkeep of a study's folder: adopt what a clone brought, record, list stale results, prune."""

import hashlib
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.code import is_current
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256, read_json
from rlscale.core.manifests import is_manifest, read_manifest, read_record, run_record, verify_files
from rlscale.study import grid, layout, runs
from rlscale.study import records as provenance
from rlscale.study.layout import CellFiles


def adopt(revision: str | None = None) -> None:
    """Keep every result that still holds, after `dvc pull` or a checkout, and say what does not.

    Verifies the files that manifests name (those that are here), removes damaged ones with their
    manifest, gives Snakemake its notes back from records/, and sets modification times in the
    order of dependence. Then `snakemake -n` knows what a change of settings or inputs calls for.

    Args:
        revision: Another git revision whose results, as far as they are not here, are brought
            first: after a merge, the cells of the other branch.
    """
    with runs.alone():
        if revision is not None:
            print(f"adopt: brought {_bring(revision)} files of {revision}")
        removed = _remove_unknown(provenance.restore())
        notes = provenance.read_notes()
        removed += _remove_damaged(notes)
        changed = provenance.changed_inputs(notes)
        provenance.touch_in_order(notes, changed)
        here = [note for output, note in notes.items() if Path(output).exists()]
        absent = len(notes) - len(here)
        kept = Counter(note["rule"] for note in here)
        print(f"adopt: kept {len(here)} outputs ({_counts(kept)}); {absent} are not here")
        for path, why in removed:
            print(f"adopt: removed {path}: {why}")
        for name, outputs in changed.items():
            print(f"adopt: {name} has changed since {outputs[0]} was made from it")
        plan = runs.dry_run()
        if runs.nothing_to_do(plan):
            print("adopt: nothing to be done: all results of this study are present and hold")
        else:
            print("adopt: the next run will do this:")
            print(plan)


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
        code = read_record(path)["code"]
        if code["digest"] not in known:
            known[code["digest"]] = is_current(code["module"], code.get("used", ()), code["digest"])
        if not known[code["digest"]]:
            count += 1
            print(f"stale: {path} ({manifest['name']}): {code['module']} has changed since")
    print(f"stale: {count} results were made by older code; they stay valid until a recipe's")
    print("stale: version is raised, or rerun_on_code is set, or they are removed by hand")


def why(output: str) -> None:
    """Print what an output was made from, back to the raw data, with digests and DVC's hashes.

    Raises:
        StudyError: Nothing is known about the output.
    """
    notes = provenance.read_notes()
    if output not in notes:
        raise StudyError(f"{output}: no step has made it here (try `make adopt`)")
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
    """
    named = {cell.path for cell in grid.expand(config)}
    found = _unnamed(named)
    if checkpoints:
        found |= {
            f"checkpoints of {cell}": [CellFiles.of(cell).checkpoints]
            for cell in sorted(named)
            if CellFiles.of(cell).checkpoints.exists() and _evaluated(cell)
        }
    for what, paths in sorted(found.items()):
        size = sum(file.stat().st_size for path in paths for file in path.rglob("*"))
        print(f"prune: {what}: {size / 2**20:.1f} MiB")
        for path in paths if remove else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if remove:
        for output in provenance.read_notes():
            made = Path(output)
            if made.is_relative_to(layout.CELL_FOLDERS) and not made.parent.exists():
                provenance.notes_path(output).unlink()
        print(f"prune: {len(found)} removed; `make record` makes it known to DVC")
    else:
        print(f"prune: {len(found)} would go; say make prune YES=1")


def _unnamed(named: set[str]) -> dict[str, list[Path]]:
    """Cells here that the configuration does not name -> their folders and records."""
    cells = layout.CELL_FOLDERS
    found: dict[str, list[Path]] = {}
    for root in (cells, layout.CHECKPOINTS, layout.STATE, provenance.RECORDS / cells):
        for path in root.glob("*/*/tau*-g*/seed*"):
            cell = str(path.relative_to(root)).removesuffix(".json")
            if cell not in named:
                found.setdefault(f"{cell}, no longer named by the configuration", []).append(path)
    return found


def _evaluated(cell: str) -> bool:
    """Whether a cell's evaluation is complete and all its files hold."""
    try:
        verify_files(read_manifest(CellFiles.of(cell).evaluation, "eval"))
    except StudyError:
        return False
    return True


def _bring(revision: str) -> int:
    """Fetch from DVC the results of a revision that are not here; returns their number."""
    from dvc.api import DVCFileSystem

    files = DVCFileSystem(rev=revision)
    count = 0
    for root in map(str, (layout.RESULTS, layout.CHECKPOINTS)):
        for name in files.find(root) if files.exists(root) else ():
            path = Path(name.lstrip("/"))
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                files.get_file(name, str(path))
                count += 1
    return count


def _remove_damaged(notes: Mapping[str, provenance.Notes]) -> list[tuple[Path, str]]:
    """Remove manifests that are broken or whose files have other bytes, with those files.

    What was made from such a manifest in its own folder goes too, so that a cell is made again as
    a whole; fits and figures stay as long as its curve comes out the same.
    """
    removed: dict[Path, str] = {}
    for path in sorted(layout.RESULTS.rglob("*.json")):
        try:
            manifest = _manifest(path)
            made_files = _files(path, manifest) if manifest else []
        except StudyError:
            removed[path] = "not valid JSON"
            continue
        for entry in made_files:
            file = Path(entry["path"])
            if manifest and file.exists() and not _holds(file, entry):
                _forget_in_cache(file)
                removed[file] = f"its bytes are not those that {path} names"
                removed[path] = f"a file of {manifest['name']} is damaged"
    waiting = [path for path in removed if path.suffix == ".json"]
    while waiting:
        source = waiting.pop()
        for output, note in notes.items():
            made = Path(output)
            if made.parent != source.parent or str(source) not in (note["input"] or ()):
                continue
            if made.exists() and made not in removed:
                removed[made] = f"made from {source}"
                waiting.append(made)
    for path in removed:
        path.unlink()
    return list(removed.items())


def _files(path: Path, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All files of a manifest's step: those that later steps read, and its reports."""
    reports = read_record(path)["files"] if run_record(path).exists() else []
    return [*manifest["files"], *reports]


def _holds(file: Path, entry: Mapping[str, Any]) -> bool:
    return file.stat().st_size == entry["bytes"] and file_sha256(file) == entry["sha256"]


def _remove_unknown(outputs: list[str]) -> list[tuple[Path, str]]:
    for output in outputs:
        Path(output).unlink()
    return [(Path(output), "its bytes are not those of its record") for output in outputs]


def _forget_in_cache(file: Path) -> None:
    """Remove DVC's copy of a damaged file where it is damaged too: DVC would never replace it."""
    md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    for cached in Path(".dvc/cache/files/md5").glob("??/*"):
        named = cached.parent.name + cached.name
        if cached.stat().st_size != file.stat().st_size or named == md5:
            continue
        content = hashlib.md5(cached.read_bytes(), usedforsecurity=False).hexdigest()
        if content == md5:
            cached.chmod(0o644)
            cached.unlink()


def _manifest(path: Path) -> dict[str, Any] | None:
    """The manifest at a path, or None where the file is none (a fit, a report)."""
    content = read_json(path)
    return content if is_manifest(content) else None


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{rule} {count}" for rule, count in sorted(counts.items())) or "none"
