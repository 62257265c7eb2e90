"""The one exception that is shown to a user as a sentence instead of a traceback."""

import contextlib
import errno
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TextIO, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


# What a folder may lack, and what to do.
_NO_ROOM = {
    errno.EROFS: "work in a clone of the study where you may write",
    errno.ENOSPC: "make room there and run the same command again; finished steps are kept",
    errno.EDQUOT: "your quota is used up: make room there and run the same command again",
}


class StudyError(Exception):
    """Bad input or a refused request; the message names file, row or key and says what to do."""

    status = 1  # of the process that it ends


def printable(text: str) -> str:
    """Text whose control characters are spelt out: to a terminal they would be commands."""
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode()
        for sign in text
    )


class Printable:
    """A stream to a terminal through which names and reasons of strangers' files go as text."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, its control characters spelt out."""
        return self._stream.write(printable(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """End as SIGPIPE would (status 141), without a word, where `head` reads no further."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def sentence_not_traceback(main: Callable[P, R]) -> Callable[P, R]:
    """Wrap an entry point: a StudyError becomes one line on stderr and its exit status.

    So does what this user may not do, a full disk, and one that cannot be written.
    """

    @functools.wraps(main)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return main(*args, **kwargs)
        except StudyError as error:
            print(f"error: {printable(str(error))}", file=sys.stderr)
            sys.exit(error.status)
        except PermissionError as error:
            print(
                f"error: {error.filename}: {error.strerror}; this user may not do that there: ask "
                "its owner, or work in a clone of the study of your own",
                file=sys.stderr,
            )
            sys.exit(1)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            where = f"{error.filename}: " if error.filename else ""
            print(f"error: {where}{error.strerror}; {_NO_ROOM[error.errno]}", file=sys.stderr)
            sys.exit(1)

    return wrapped
