"""What `import rlscale` offers of curves made elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.scalars import check_kind
from rlscale.curves.guess import guess_format
from rlscale.curves.ingest import Intake, read_runs

if TYPE_CHECKING:
    import pandas

_PUBLISHED = Path(__file__).parents[1] / "published"


def load_runs(
    files: Sequence[Path | str] | Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, str],
    constants: Mapping[str, Any],
    **section: Any,
) -> Intake:
    """Read other trainers' logs as curves; what ``rlscale ingest`` does.

    Args:
        files: Paths, or paths with the columns that hold for each.
        columns: Column of curves.csv -> expression (docs/ingest.md); ``loss`` is one of them.
        constants: Columns that hold for all files: model, variant, benchmark, n_params_nominal.
        **section: Further keys of an ``ingest`` section: format, run_pattern, runs, ...

    Returns:
        The curves as ``table``, and what was superseded, carried or left out as ``notes``.

    Raises:
        StudyError: A file cannot be read as asked; the message says what to do.
    """
    check_kind(
        files, (list, tuple, Mapping), "load_runs: files", "a list of paths, such as [path],"
    )
    for file in files:
        check_kind(file, (str, Path), "load_runs: files", "a path for each")
    check_kind(columns, Mapping, "load_runs: columns", "a mapping of columns to expressions")
    check_kind(constants, Mapping, "load_runs: constants", "a mapping of columns to values")
    named = files if isinstance(files, Mapping) else {str(file): {} for file in files}
    if not named:
        raise StudyError("load_runs: no files are named")
    section.setdefault("format", guess_format(Path(next(iter(named)))))
    settings = {"files": named, "columns": columns, "constants": constants, **section}
    return read_runs(settings, "runs")


def published_curves() -> "pandas.DataFrame":
    """The curves of arXiv 2509.25300, read from its figures; they come with the package.

    >>> sorted(published_curves()["model"].unique())[:2]
    ['qwen2.5-0.5b', 'qwen2.5-1.5b']
    """
    import yaml

    settings = yaml.safe_load((_PUBLISHED / "mapping.yaml").read_text(encoding="utf-8"))
    return read_runs(settings, "published", _PUBLISHED).table
