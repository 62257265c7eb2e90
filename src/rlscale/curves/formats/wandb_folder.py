"""W&B's run folders, as they lie on disk (``wandb/run-*``, ``wandb/offline-run-*``).

A ``.wandb`` file is a log of records in LevelDB's framing (blocks of 32 KiB; a record is cut into
pieces, each with checksum, length and kind), after a header of 7 bytes. What a record says is
W&B's own and is left to its package.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.files import check_regular
from rlscale.curves.texts import distinct_names, frame, several

if TYPE_CHECKING:
    import pandas

_HEADER, _BLOCK, _PIECE = 7, 32768, struct.Struct("<IHB")
_WHOLE, _LAST = 1, 4


def read_wandb_folder(path: Path) -> "pandas.DataFrame":
    """All runs in a folder, or that of a .wandb file; configuration is called ``config/<key>``.

    Raises:
        StudyError: The package wandb is absent, or there is no run.
    """
    import pandas

    files = sorted(path.rglob("run-*.wandb")) if path.is_dir() else [path]
    rows: dict[str, list[pandas.DataFrame]] = {}
    called: dict[str, str] = {}
    notes: list[str] = []
    for file in files:
        run = _read_run(file)
        notes += [f"{file.name}: {note}" for note in run.notes]
        if run.rows:
            called[run.identity] = run.name
            rows.setdefault(run.identity, []).append(frame(run.rows, file))
    if not rows:
        raise StudyError(f"{path}: no run-*.wandb with logged values in it")
    names, said = distinct_names(called)
    runs = {names[key]: pandas.concat(own, ignore_index=True) for key, own in rows.items()}
    return several(runs, path, notes + said)


@dataclass
class _Run:
    """One log: W&B's id, which a resumed run's logs share, its name, and a row per history step."""

    identity: str
    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _read_run(file: Path) -> _Run:
    try:
        from google.protobuf.message import DecodeError
        from wandb.proto.wandb_internal_pb2 import Record
    except ImportError:
        raise StudyError(
            f"{file}: reading W&B's run folders needs its package: pip install wandb, or export "
            "the run's history as CSV"
        ) from None
    identity = file.stem.removeprefix("run-")
    run = _Run(identity, identity)
    config: dict[str, Any] = {}
    try:
        check_regular(file)
        for data in _records(file.read_bytes(), file):
            record = Record.FromString(data)
            if record.HasField("run"):
                run.identity = record.run.run_id or identity
                run.name = record.run.display_name or run.identity
                config |= _items(record.run.config.update, file)
            elif record.HasField("config"):
                config |= _items(record.config.update, file)
            elif record.HasField("history"):
                run.rows.append(_items(record.history.item, file))
    except DecodeError as error:
        raise StudyError(f"{file}: holds a record that W&B does not write ({error})") from None
    except _CutOff:
        run.notes.append("was cut off in writing; what it held before counts")
    fixed = {f"config/{name}": value for name, value in config.items()}
    run.rows = [row | fixed for row in run.rows]
    return run


def _items(items: Any, file: Path) -> dict[str, Any]:
    """Values by name; a nested name is joined by dots, as W&B shows it."""
    try:
        found = {
            ".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items
        }
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{file}: holds a value that is no JSON ({error})") from None
    return {name: value for name, value in found.items() if not isinstance(value, dict | list)}


class _CutOff(Exception):
    """A log ends within a record."""


def _records(data: bytes, file: Path) -> Iterator[bytes]:
    if data[:4] != b":W&B":
        raise StudyError(f"{file}: does not begin as a .wandb file does")
    at, pieces = _HEADER, []
    while at + _PIECE.size <= len(data):
        room = _BLOCK - at % _BLOCK
        if room < _PIECE.size:
            at += room
            continue
        _, length, kind = _PIECE.unpack_from(data, at)
        at += _PIECE.size
        if kind == 0 or at + length > len(data):
            raise _CutOff
        pieces.append(data[at : at + length])
        at += length
        if kind in (_WHOLE, _LAST):
            yield b"".join(pieces)
            pieces = []
    if pieces:
        raise _CutOff
