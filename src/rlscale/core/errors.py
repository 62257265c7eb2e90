"""The one exception that is shown to a user as a sentence instead of a traceback."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class StudyError(Exception):
    """Bad input or a refused request; the message names file, row or key and says what to do."""

    status = 1  # of the process that it ends


def sentence_not_traceback(main: Callable[P, R]) -> Callable[P, R]:
    """Wrap an entry point: a StudyError becomes one line on stderr and its exit status."""

    @functools.wraps(main)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return main(*args, **kwargs)
        except StudyError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.status)
        except PermissionError as error:
            print(
                f"error: {error.filename}: {error.strerror}; this user may not do that there: ask "
                "its owner, or work in a clone of the study of your own",
                file=sys.stderr,
            )
            sys.exit(1)

    return wrapped
