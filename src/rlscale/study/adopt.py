"""Adopt what a clone, a pull or a checkout brought: keep every result that still holds.

Manifests and records are somebody's text. By them nothing is removed but what stands in results/
or checkpoints/ and was made by a rule, as notes and records of the rules say; and only once it was
listed and the user said yes. Nothing that no rule made is touched, raw inputs included.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256, read_json
from rlscale.core.inside import inside_study
from rlscale.core.manifests import check_entries, is_manifest, read_record, run_record
from rlscale.core.yaml_files import load
from rlscale.study import layout, runs
from rlscale.study import records as provenance
from rlscale.study.folder import CONFIG, check_folder


def adopt(revision: str | None = None, *, remove: bool = False) -> None:
    """Keep every result that still holds, after `rlscale pull` or a checkout; say what does not.

    Verifies the files that manifests name (those that are here), removes damaged ones with their
    manifest, gives Snakemake its notes back from records/, and sets modification times in the
    order of dependence. Then `snakemake -n` knows what a change of settings or inputs calls for.

    Args:
        revision: Another git revision whose results, as far as they are not here, are brought
            first: after a merge, the cells of the other branch.
        remove: Whether damaged results may be removed.

    Raises:
        StudyError: Something would have to be removed, and ``remove`` does not say so; the folder
            holds another study; a manifest or a record names a path outside of it.
    """
    with runs.alone():
        config = load(CONFIG)
        if not isinstance(config, dict) or not isinstance(config.get("study"), str):
            raise StudyError(f"{CONFIG}: does not name its study; rlscale check says what is wrong")
        check_folder(config["study"], layout.RESULTS)
        if revision is not None:
            print(f"adopt: brought {_bring(revision)} files of {revision}")
        unknown = provenance.restore()
        notes = provenance.read_notes()
        doomed = {
            inside_study(output, provenance.RECORDS): "its bytes are not those of its record"
            for output in unknown
        }
        doomed |= _damaged({*notes, *unknown}, notes)
        _remove(doomed, remove)
        changed = provenance.changed_inputs(notes)
        provenance.touch_in_order(notes, changed)
        _say(notes, changed)


def _say(notes: Mapping[str, provenance.Notes], changed: Mapping[str, list[str]]) -> None:
    here = [note for output, note in notes.items() if Path(output).exists()]
    kept = Counter(note["rule"] for note in here)
    counts = ", ".join(f"{rule} {count}" for rule, count in sorted(kept.items())) or "none"
    print(f"adopt: kept {len(here)} outputs ({counts}); {len(notes) - len(here)} are not here")
    for name, outputs in changed.items():
        print(f"adopt: {name} has changed since {outputs[0]} was made from it")
    plan = runs.dry_run()
    if runs.nothing_to_do(plan):
        print("adopt: nothing to be done: all results of this study are present and hold")
    else:
        print("adopt: the next run will do this:")
        print(plan)


def _remove(doomed: Mapping[Path, str], agreed: bool) -> None:
    """List what is damaged; remove it where that is agreed to, and else go no further."""
    for path, why in doomed.items():
        print(f"adopt: {'removed' if agreed else 'would remove'} {path}: {why}")
        if agreed:
            if path.is_file():
                _forget_in_cache(path)
            path.unlink()
    if doomed and not agreed:
        raise StudyError(
            f"{len(doomed)} results do not hold (above); nothing is removed or adopted yet: say "
            "make adopt YES=1 (rlscale adopt --yes), and the next run makes them again"
        )


def _damaged(made: set[str], notes: Mapping[str, provenance.Notes]) -> dict[Path, str]:
    """Manifests that are broken or whose files have other bytes, with those files -> why.

    What was made from such a manifest in its own folder goes too, so that a cell is made again as
    a whole; fits and figures stay as long as its curve comes out the same.

    Args:
        made: What rules made here, as their notes and records say; no other file counts.
        notes: Output -> Snakemake's notes.
    """
    damaged: dict[Path, str] = {}
    for path in sorted(layout.RESULTS.rglob("*.json")):
        if str(path) not in made:
            continue
        try:
            manifest = read_json(inside_study(path, "rlscale adopt"))
            entries = _entries(path, manifest) if is_manifest(manifest) else []
        except StudyError as error:
            if path.is_symlink():
                raise
            damaged[path] = f"not valid JSON ({error})"
            continue
        for entry in entries:
            file = inside_study(entry["path"], path)
            if file.exists() and not _holds(file, entry):
                known = str(file) in made or file.is_relative_to(layout.CHECKPOINTS)
                if known and file.is_file():
                    damaged[file] = f"its bytes are not those that {path} names"
                damaged[path] = f"a file of {manifest.get('name')} is damaged"
    waiting = [path for path in damaged if path.suffix == ".json"]
    while waiting:
        source = waiting.pop()
        for output, note in notes.items():
            file = Path(output)
            if file.parent != source.parent or str(source) not in (note["input"] or ()):
                continue
            if file.exists() and file not in damaged:
                damaged[inside_study(file, "Snakemake's notes")] = f"made from {source}"
                waiting.append(file)
    return damaged


def _entries(path: Path, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All files of a manifest's step: those that later steps read, and its reports."""
    record = read_record(path) if run_record(path).exists() else {"files": []}
    check_entries(manifest["files"], path)
    check_entries(record.get("files") if isinstance(record, dict) else None, run_record(path))
    return [*manifest["files"], *record["files"]]


def _holds(file: Path, entry: Mapping[str, Any]) -> bool:
    return file.stat().st_size == entry["bytes"] and file_sha256(file) == entry["sha256"]


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


def _bring(revision: str) -> int:
    """Fetch from DVC the results of a revision that are not here; returns their number."""
    from dvc.api import DVCFileSystem

    files = DVCFileSystem(rev=revision)
    count = 0
    for root in map(str, (layout.RESULTS, layout.CHECKPOINTS)):
        for name in files.find(root) if files.exists(root) else ():
            path = inside_study(name.lstrip("/"), f"a listing of {revision}")
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                files.get_file(name, str(path))
                count += 1
    return count
