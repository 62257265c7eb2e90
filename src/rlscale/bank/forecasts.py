"""Every law's answers to the tasks of a source, point by point."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.answers.forecast import forecast_curves
from rlscale.answers.ranking import target_errors
from rlscale.answers.splits import split_curves
from rlscale.bank.tasks import Task
from rlscale.laws.groups import Group, build_groups, metric_rows
from rlscale.laws.points import points_of
from rlscale.laws.spec import FitSpec

if TYPE_CHECKING:
    import pandas

MEDIAN_OF_LAWS = "median_of_laws"
# What tells points apart, whatever law speaks of them.
POINT = ["kind", "setting", "benchmark", "variant", "size", "model", "point"]


def answers(tasks: Iterable[Task], laws: Sequence[str]) -> "pandas.DataFrame":
    """Forecasts of the points that each task sets aside.

    Args:
        tasks: Tasks of one source.
        laws: Names of laws.

    Returns:
        A row per law and point: ``POINT``, law, error (forecast minus observed log loss), low and
        high (ends of the 90 % interval minus observed). Laws that cannot answer a task have no
        rows of it. The median of all laws that answer, of their intervals' ends too, is one more.
    """
    import pandas

    tables = [_answer(task, laws) for task in tasks]
    return pandas.concat([pandas.DataFrame(), *tables], ignore_index=True)


def _answer(task: Task, laws: Sequence[str]) -> "pandas.DataFrame":
    import pandas

    train, targets = split_curves(task.table, task.split, task.settings, "loss")
    rows, column, _ = metric_rows(task.table, "loss", task.settings.benchmark)
    (group,) = build_groups(rows, x="data", column=column, size=task.settings.size)
    members = {model: group.members[m] > 0 for m, model in enumerate(group.models)}
    cells = np.array(group.cells)
    targets = [own for own in targets if task.counted.intersection(cells[members[own.model]])]
    found = [
        _points(group, law, document, one)
        for law in laws
        for document in [forecast_curves(train, targets, _spec(law, task), task.split)]
        for one in document["predictions"]
        if one["status"] == "ok"
    ]
    if not found:
        return pandas.DataFrame()
    table = pandas.concat(found, ignore_index=True)
    combined = table.groupby(["model", "point"], sort=False, as_index=False).median(
        numeric_only=True
    )
    table = pandas.concat([table, combined.assign(law=MEDIAN_OF_LAWS)], ignore_index=True)
    return table.assign(
        kind=task.kind, setting=task.setting, benchmark=task.settings.benchmark,
        variant=group.variant, size=task.settings.size,
    )  # fmt: skip


def _spec(law: str, task: Task) -> FitSpec:
    return FitSpec(law, "data", "loss", task.settings)


def _points(
    group: Group, law: str, document: dict[str, Any], target: dict[str, Any]
) -> "pandas.DataFrame":
    import pandas

    m = group.models.index(target["model"])
    errors = target_errors(
        group, points_of(group, "equal"), m, target["grid"], document["protocol"]
    )
    parts = {name: errors[name] for name in ("error", "low", "high")}
    return pandas.DataFrame(
        parts | {"point": np.arange(len(errors["error"])), "model": target["model"], "law": law}
    )
