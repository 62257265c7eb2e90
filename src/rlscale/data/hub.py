"""Data sets of the hub: the files of one split at the pinned commit, and nothing else."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rlscale.core.errors import StudyError

_SHARD = re.compile(r"-\d+-of-(\d+)\b")


def hub_files(hub: Mapping[str, str]) -> list[Path]:
    """The files of a split, in the hub's cache; fetched where they are not there.

    The repository is fetched at its commit and then read as a folder: `datasets` by itself takes a
    local folder of the same name, or offline another revision, for it.

    Args:
        hub: ``name``, ``revision`` (commit), ``split`` and, where the set has several,
            ``configuration``.

    Raises:
        StudyError: The commit cannot be had, or it has no such split or configuration.
    """
    where = f"{hub['name']} at {hub['revision']}"
    folder = _fetched(hub, where)
    from datasets import load_dataset_builder

    try:
        builder = load_dataset_builder(folder, name=hub.get("configuration"))
        splits = {str(split): files for split, files in builder.config.data_files.items()}
    except Exception as error:  # `datasets` raises many kinds
        said = " ".join(str(error).partition("Example of usage")[0].split())
        raise StudyError(
            f"{where}: {said.replace(folder, hub['name'])} (keys `configuration` and `split`)"
        ) from error
    if hub["split"] not in splits:
        raise StudyError(f"{where}: no split '{hub['split']}'; it has {', '.join(splits)}")
    files = [Path(file) for file in splits[hub["split"]]]
    _check_shards(files, where)
    return files


def _fetched(hub: Mapping[str, str], where: str) -> str:
    """Folder of the commit's files."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    fetch = partial(snapshot_download, hub["name"], repo_type="dataset", revision=hub["revision"])
    try:
        return str(fetch())
    except Exception as error:  # the hub's client raises many kinds, of several packages
        try:
            return str(fetch(local_files_only=True))
        except (LocalEntryNotFoundError, ValueError):
            raise StudyError(
                f"{where}: cannot be fetched ({error}); fetch it beforehand where there is a "
                "network, or name local files"
            ) from error


def _check_shards(files: Sequence[Path], where: str) -> None:
    """Refuse a part of the shards: an earlier fetch may have been cut off."""
    of = {int(match[1]) for file in files if (match := _SHARD.search(file.name))}
    if of and sum(of) != len(files):
        raise StudyError(
            f"{where}: {len(files)} files are in the cache where their names say {sum(of)}; "
            "fetch the data set again"
        )
