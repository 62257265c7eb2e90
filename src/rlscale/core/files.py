"""Files as every step writes and reads them: whole or not at all, in UTF-8."""

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any, BinaryIO

from rlscale.core.errors import StudyError


def check_regular(path: Path | str) -> None:
    """Refuse what is there and is no regular file: reading a pipe or a device may never end.

    Raises:
        StudyError: Names it.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no regular file (a pipe, a device)"
        raise StudyError(f"{path}: is {what}; put the file itself there")


def file_sha256(path: Path | str) -> str:
    """Sha256 of a file's bytes, read in blocks."""
    check_regular(path)
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_text(path: Path | str, text: str) -> None:
    """Write a text file by rename: a reader sees the old file or the new one, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
    try:
        with open(temporary, "x", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def new_file(path: Path | str) -> BinaryIO:
    """Open a file to write that is not there yet; a link that was put in its place is removed.

    Not followed, it cannot lead what is written to somewhere else.
    """
    Path(path).unlink(missing_ok=True)
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, how, 0o666), "wb")


def new_folder(path: Path) -> None:
    """Make an empty folder; what is there is removed, and a link to elsewhere not followed."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)


def modes_by_umask(folder: Path) -> None:
    """Give files the modes that the umask asks for: libraries write some for their owner alone."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    umask = next(line.split()[1] for line in status.splitlines() if line.startswith("Umask:"))
    for path in folder.iterdir():
        path.chmod(0o666 & ~int(umask, 8))


def write_json(path: Path | str, value: Any) -> None:
    """Write indented JSON by rename."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON.

    Raises:
        StudyError: The file is missing, no regular file or no JSON; names it.
    """
    check_regular(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        value = json.loads(text)
        if "\\ud" in text.lower():  # half of a pair, which no file or terminal can hold
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except FileNotFoundError:
        raise StudyError(f"{path}: there is no such file") from None
    except (ValueError, RecursionError) as error:  # also numbers too long, nesting too deep
        raise StudyError(f"{path}: not valid JSON ({error}); remove it and run again") from None
