"""Pull a study's big files: fetched, every listing checked, and only then put into the folder.

DVC keeps a folder as a listing of names and digests, and writes where a listing says. It takes the
listing of a remote or a shared cache as it is: one with the name ``../../Snakefile`` would put code
into the study. So what dvc.lock names is fetched into the cache first; a listing must have the
digest that dvc.lock, which git brought, gives to it, and only names within its own folder.
"""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rlscale.core.errors import StudyError
from rlscale.core.inside import inside_study
from rlscale.study.adopt import adopt

_MD5 = re.compile(r"[0-9a-f]{32}\Z")


def pull(targets: Sequence[str] = (), *, remove: bool = False) -> None:
    """Fetch, check, check out, adopt.

    Args:
        targets: Files or folders of the study; all without any.
        remove: Whether ``adopt`` may remove results that do not hold.

    Raises:
        StudyError: A listing is not the one that dvc.lock names, or names a path out of its
            folder; DVC failed; or as ``adopt`` says.
    """
    _dvc("fetch", *targets)
    check_listings(targets)
    _dvc("checkout", *targets)
    adopt(remove=remove)


def check_listings(targets: Sequence[str] = ()) -> None:
    """Check the listings of all folders that this checkout's dvc files name.

    Args:
        targets: Those within them; all without any.

    Raises:
        StudyError: Names the listing and the folder.
    """
    from dvc.repo import Repo

    with Repo() as repo:
        here = Path(repo.root_dir)
        for out in repo.index.outs:
            place = Path(out.fspath)
            if not place.is_relative_to(here):
                raise StudyError(f"{out.stage.relpath}: {place} is not in the study's folder")
            folder = inside_study(place.relative_to(here), out.stage.relpath, here)
            wanted = not targets or any(
                folder.is_relative_to(target) or Path(target).is_relative_to(folder)
                for target in targets
            )
            if wanted and out.hash_info and out.hash_info.isdir:
                listing = Path(out.cache.oid_to_path(out.hash_info.value))
                check_listing(listing, out.hash_info.value, folder, here)


def check_listing(listing: Path, digest: str, folder: Path, root: Path) -> None:
    """Check one listing.

    Args:
        listing: Its file in DVC's cache.
        digest: What dvc.lock names it by: md5 and ``.dir``.
        folder: The folder that it lists, relative to the study's.
        root: The study's folder.

    Raises:
        StudyError: It is missing, has other bytes, is no listing, or names a path out of there.
    """
    where = f"the listing of {folder} ({listing})"
    if not listing.is_file():
        raise StudyError(f"{where} is not in the cache: the remote lacks it; push it again")
    content = listing.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if f"{found}.dir" != digest:
        raise StudyError(
            f"{where} is not what dvc.lock names: the remote or the cache was changed. Nothing is "
            "checked out; remove that file, and ask who may write there"
        )
    try:
        entries = [(entry["relpath"], entry["md5"]) for entry in json.loads(content)]
    except (ValueError, KeyError, TypeError):
        raise StudyError(f"{where} is no listing of names and digests; remove that file") from None
    names = set()
    for name, md5 in entries:
        plain = isinstance(name, str) and name != "." and isinstance(md5, str)
        plain = plain and str(PurePosixPath(name)) == name  # as DVC writes them: no ./a, no a/
        if not plain or not _MD5.match(md5) or name in names:
            raise StudyError(f"{where}: {name!r} is no plain entry of a listing; remove that file")
        names.add(name)
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise StudyError(f"{where}: names {name!r}, a path out of its folder; remove that file")
        inside_study(folder / name, where, root)


def _dvc(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *command])
    if done.returncode:
        raise StudyError(f"dvc {' '.join(command)} failed, see above")
