"""Files that are not what their names say: what they are, and what to do."""

from pathlib import Path

from rlscale.core.errors import StudyError

_HEAD = 64  # bytes
_KNOWN = {
    b"version https://git-lfs": "a Git LFS pointer, not the file: run `git lfs pull`",
    b"<!doctype html": "a web page, not the file: download the file itself (its raw form)",
    b"<html": "a web page, not the file: download the file itself (its raw form)",
    b"\x1f\x8b": "packed by gzip: give its name the ending .gz",
    b"\x28\xb5\x2f\xfd": "packed by zstd: give its name the ending .zst",
    b"pk\x03\x04": "a zip archive or a workbook: unpack it, or save it as CSV",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
    b"par1": "a Parquet file: give its name the ending .parquet",
    b"arrow1": "an Arrow file: give its name the ending .arrow",
}
_OF_KIND = {"Parquet": b"par1", "Arrow": b"arrow1"}


def check_head(path: Path, kind: str) -> None:
    """Refuse a file whose first bytes are of something else.

    Args:
        path: A file that is not packed.
        kind: Its format by its name.

    Raises:
        StudyError: Says what it is and what to do.
    """
    with open(path, "rb") as file:
        head = file.read(_HEAD).lower()
    for beginning, meaning in _KNOWN.items():
        if head.startswith(beginning) and beginning != _OF_KIND.get(kind):
            raise StudyError(f"{path}: is no {kind} file but {meaning}")
