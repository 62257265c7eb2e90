"""The steps of a study, one for each rule: settings and paths to values, then the package.

Each takes the study's configuration and the names that the rule's wildcards give, so that a rule's
command is short and a person can type it: ``rlscale step make_curve CELL``. Nothing heavy is
imported before a step runs.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlscale.jobs.threads import use_threads


@dataclass(frozen=True)
class Step:
    """A step that runs in this process, by one thread.

    Attributes:
        module: Where it stands, below this package; the function has the step's name.
        names: What tells one run of it from another.
        help: What it does.
    """

    module: str
    names: tuple[str, ...]
    help: str


STEPS = {
    "make_benchmark": Step("data", ("benchmark",), "make the problems of a benchmark"),
    "list_problems": Step("data", ("set",), "list the problems of a data set that can be used"),
    "prepare_set": Step("data", ("set",), "generate or read a data set, clean and split it"),
    "make_variant": Step("data", ("set", "recipe", "tau"), "lay a set out for training"),
    "make_corpus": Step("models", ("corpus",), "draw what models made here learn from"),
    "make_model": Step("models", ("model", "variant"), "make, fetch or copy a model's weights"),
    "ask_cell": Step("cells", ("cell", "shard"), "ask one shard of a cell's evaluation (2of3)"),
    "ask_set": Step("cells", ("set", "shard"), "ask one shard of a set's pass rates"),
    "estimate_pass_rate": Step("cells", ("set",), "measure how often a model solves a set"),
    "make_curve": Step("curves", ("cell",), "join a cell's scores with what it had consumed"),
    "collect_curves": Step("curves", (), "put the tables of all cells together"),
    "collect_timings": Step("curves", (), "put what all cells took together"),
    "ingest_curves": Step("curves", (), "read curves that were made elsewhere"),
    "fit_law": Step("answers", ("law", "x", "metric"), "fit a law to the study's curves"),
    "split_curves": Step("answers", ("protocol",), "set the target rows of a forecast aside"),
    "forecast_laws": Step("answers", ("protocol",), "forecast with every law"),
    "score_forecasts": Step("answers", ("protocol",), "compare forecasts with what happened"),
    "compare_table6": Step("answers", (), "set K_max and N0 beside the paper's Table 6"),
    "measure_passes": Step("answers", (), "measure what training does to pass@k"),
    "compare_settings": Step("answers", (), "compare recipes, tau, ... at equal compute"),
    "recommend": Step("answers", (), "answer what to train next and what reuse costs"),
    "check_results": Step("answers", (), "check the study's tables and fits"),
    "require_checks": Step("answers", (), "fail where a result check failed"),
    "plot": Step("report", ("figure",), "draw a figure"),
    "compare_studies": Step(
        "report", ("other", "law", "x", "metric"), "draw a fit beside another study's"
    ),
    "write_report": Step("report", (), "write the report, one page"),
    "write_explore_page": Step("report", (), "write the page to explore the curves"),
}


def run_step(name: str, config: Mapping[str, Any], names: Sequence[str]) -> None:
    """Run one of ``STEPS``.

    Args:
        name: Its name.
        config: The study's configuration, defaults filled in.
        names: Values of its ``names``.
    """
    use_threads(1)
    module = importlib.import_module(f"{__name__}.{STEPS[name].module}")
    getattr(module, name)(config, *names)
