"""Paths that a file names: those of the study's own folder alone, whatever the file says.

Manifests, records, pauses and listings of big files come along with a study, from anybody who may
write to its git, its remote or its folder. A path of theirs is taken through here before anything
is read, written or removed by it.
"""

from pathlib import Path

from rlscale.core.errors import StudyError


def inside_study(path: Path | str, said_by: Path | str, root: Path | str = ".") -> Path:
    """A path that a file names, where it stands in the study's folder.

    Args:
        path: As the file has it: relative to the study's folder.
        said_by: What names it, for the message.
        root: The study's folder.

    Returns:
        The path as it is.

    Raises:
        StudyError: It is absolute, goes up, or leads out of the folder through a link.
    """
    named = Path(path)
    plain = str(path).isprintable() and not named.is_absolute() and ".." not in named.parts
    if not named.parts or not plain:
        raise StudyError(
            f"{said_by}: names {str(path)!r}, which is no path within the study's folder; nothing "
            "is done by it. Remove that file, and ask whoever wrote it"
        )
    whole = Path(root).resolve()
    try:
        leads_to = (whole / named).resolve()
        leads_to.exists()
    except PermissionError:
        raise
    except (OSError, RuntimeError) as error:  # a name too long, links in a circle
        raise StudyError(f"{said_by}: names a path that cannot be followed ({error})") from None
    if not leads_to.is_relative_to(whole):
        raise StudyError(
            f"{named}: a link leads to {leads_to}, outside the study's folder; nothing is done by "
            f"it ({said_by} names it). Put the files themselves there, or move the whole study"
        )
    return named
