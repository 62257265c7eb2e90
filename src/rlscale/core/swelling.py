"""What a file may open to: packed, repeated or sparse, a small one can ask for all of the memory.

The limit is the same for all readers: 256 MiB, and beyond that 100 times the file's own size.
"""

import gzip
import io
from pathlib import Path
from typing import IO, Any

from rlscale.core.errors import StudyError
from rlscale.core.files import check_regular

PACKED = (".gz", ".zst")
_SMALL = 2**28  # bytes that a file may open to, however small it is
_SWELLS = 100  # times its own size that a bigger one may; gzip makes 1000 of one
_CELL = 8  # bytes of an empty cell of a table


def need_arrow(path: Path) -> None:
    """Refuse what only pyarrow reads where it is absent: the small environment does without it.

    Raises:
        StudyError: Names the file and the package.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise StudyError(
            f"{path}: Parquet, Arrow and .zst are read by pyarrow: pip install pyarrow, or give "
            "the file as JSON Lines or CSV, plain or .gz"
        ) from None


def open_file(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked.

    Raises:
        StudyError: It is no regular file; or, while it is read, it opens to far more than it is.
    """
    check_regular(path)
    if path.suffix.lower() == ".gz":
        return io.BufferedReader(_Unpacked(path, gzip.open(path, "rb")))
    if path.suffix.lower() == ".zst":
        need_arrow(path)
        import pyarrow

        return io.BufferedReader(
            _Unpacked(path, pyarrow.input_stream(str(path), compression="zstd"))
        )
    return open(path, "rb")


def most_bytes(path: Path) -> int:
    """What a file may open to [bytes]."""
    return max(_SMALL, _SWELLS * _size(path))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def check_swelling(path: Path, opens_to: int) -> None:
    """Refuse a file that opens to far more than it is: nobody's data, and all of the memory.

    Args:
        path: The file.
        opens_to: Bytes.

    Raises:
        StudyError: Names it.
    """
    if opens_to > most_bytes(path):
        raise StudyError(
            f"{path}: has {_size(path)} bytes and opens to more than {opens_to >> 20} MiB; is it "
            "what it should be? Unpack it yourself where it is"
        )


def check_cells(path: Path, rows: int, columns: int) -> None:
    """Refuse a table whose cells take far more than its file: nearly all of them are empty.

    Args:
        path: The file, or the folder of files.
        rows: Rows of the table.
        columns: Its columns.

    Raises:
        StudyError: Names the file and both numbers.
    """
    if _CELL * rows * columns > most_bytes(path):
        raise StudyError(
            f"{path}: {rows} rows of {columns} columns would fill {_CELL * rows * columns >> 20} "
            f"MiB, of {_size(path)} bytes: nearly every cell is empty. Give a file in which the "
            "same few names stand in every row"
        )


class _Unpacked(io.RawIOBase):
    """Bytes of a packed file, counted as they come."""

    def __init__(self, path: Path, stream: Any) -> None:
        self._path, self._stream, self._count = path, stream, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; the number of bytes."""
        count = self._stream.readinto(buffer)
        self._count += count
        if self._count > _SMALL:
            check_swelling(self._path, self._count)
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()
