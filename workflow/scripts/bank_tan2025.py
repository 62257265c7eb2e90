"""Sources of the bank from points read from the vector figures of arXiv 2509.25300.

    python workflow/scripts/bank_tan2025.py FOLDER

FOLDER holds curves.csv, benchmarks_base.csv, reuse.csv and group_size.csv as they were read.
Written are the tables beside the cards of resources/bank/tan2025_*, in the schema of curves.csv.
"""

import sys
from pathlib import Path

import pandas

from rlscale.bank.add import bank_table
from rlscale.bank.source import BANK
from rlscale.core.files import write_text
from rlscale.core.tables import check_curves

_PROBLEMS = 512  # Per step.
_BENCHMARKS = {  # Panel -> our name, problems.
    "Holdout Validation": ("held_out", 500), "MATH-500": ("math500", 500), "GSM8K": ("gsm8k", 1319),
    "AIME2024": ("aime2024", 30), "AMC2023": ("amc2023", 40), "SuperGPQA": ("supergpqa", 200),
    "CodeGen - HumanEval": ("humaneval", 164), "Logic - Zebra Puzzle": ("zebra", 200),
}  # fmt: skip


def main(folder: Path) -> None:
    """Write the tables of the three sources."""
    curves = pandas.read_csv(folder / "curves.csv").assign(benchmark="held_out", n_problems=500)
    panels = pandas.read_csv(folder / "benchmarks_base.csv")
    panels["step"] = panels["data_samples"] // _PROBLEMS
    for i, name in enumerate(("benchmark", "n_problems")):
        panels[name] = panels["panel"].map({panel: said[i] for panel, said in _BENCHMARKS.items()})
    # The held-out panel shows what curves.csv has, read to one digit less.
    panels = panels[panels["benchmark"] != "held_out"]
    base = pandas.concat([curves[curves["variant"] == "base"], panels])
    write("tan2025_base", by_size(base))
    write("tan2025_instruct", by_size(curves[curves["variant"] == "instruct"]))
    write("tan2025_7b", settings(folder))


def by_size(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Curves of seven sizes."""
    size = rows["model_size_b"].map("{:g}b".format)
    return rows.assign(
        model="qwen2.5-" + size,
        cell=size + "-" + rows["variant"],
        n_params_nominal=1e9 * rows["model_size_b"],
    )


def settings(folder: Path) -> pandas.DataFrame:
    """Curves of one size, by how often data were reused and by the group size."""
    reuse = pandas.read_csv(folder / "reuse.csv").assign(recipe="reuse", group_size=8)
    groups = pandas.read_csv(folder / "group_size.csv").assign(recipe="group_size", tau=1)
    groups["step"] = groups["data_samples"] // _PROBLEMS
    rows = pandas.concat([reuse, groups])
    setting = "tau" + rows["tau"].astype(str) + "-g" + rows["group_size"].astype(str)
    return rows.assign(
        model="qwen2.5-7b",
        cell=rows["recipe"] + "/" + rows["variant"] + "-" + setting,
        n_params_nominal=7e9,
        benchmark="held_out",
        n_problems=500,
    )


def write(name: str, rows: pandas.DataFrame) -> None:
    """Write a source's table."""
    table = rows.assign(study=name, data_samples=_PROBLEMS * rows["step"], loss=rows["test_loss"])
    table = bank_table(check_curves(table.drop(columns=_own(table)), name))
    write_text(BANK / name / "curves.csv", table.to_csv(index=False, float_format="%.10g"))


def _own(table: pandas.DataFrame) -> list[str]:
    """Columns of the readings that curves.csv does not have."""
    return [n for n in ("source", "panel", "model_size_b", "test_loss") if n in table.columns]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
