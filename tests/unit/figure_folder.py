"""A study's results folder, small and made up, with data for nearly every figure."""

import json
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas
from curve_tables import fit_document, straight_curves

from rlscale.answers.equal_compute import compare_all
from rlscale.answers.forecast import forecast_curves
from rlscale.answers.passes import pass_at_k
from rlscale.answers.ranking import score_forecasts
from rlscale.answers.splits import Split, split_curves
from rlscale.core.tables import read_curves, write_curves
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.study import rounded
from rlscale.report.figures.draw import draw
from rlscale.report.figures.registry import FORECAST_LAWS, all_figures

STEPS = (0, 1, 2, 4, 8, 16, 32)
FIT = {"bootstrap": {"replicates": 200}, "select": {"tau": [1], "group_size": [8]}}
SETTINGS = {
    "palette": "viridis", "benchmark": "held_out", "size": "n_params",
    "select": FIT["select"], "level": 0.9, "margin": 0.02,
}  # fmt: skip
PASSES = {key: SETTINGS[key] for key in ("select", "size", "benchmark", "level")}
X = ("data", "compute", "compute_full")
PROTOCOLS = {
    "intra": {"kind": "intra", "first_share": 0.25},
    "inter": {"kind": "inter", "held_out_sizes": 1, "intercept_from_target": False},
}
DATA_REPORT = {
    "waterfall": [
        {"stage": "read", "reason": "", "rows": 100, "left": 100},
        {"stage": "duplicates", "reason": "duplicate", "rows": -10, "left": 90},
        {"stage": "train", "reason": "", "rows": 70, "left": 70},
        {"stage": "held_out", "reason": "", "rows": 20, "left": 20},
    ],
    "pass_rate": {
        part: [{"from": 0.0, "rows": rows}, {"from": None, "rows": 10}]
        for part, rows in (("before", 90), ("train", 60), ("held_out", 10))
    },
}


def full_curves(runs=3):
    """Curves with every optional column, a tau and a G sweep and a second benchmark."""
    table = straight_curves(noise=0.01, runs=runs, steps=STEPS)
    swept = table[table["model"] == "3b"]
    parts = [table]
    for axis, value in (("tau", 4), ("group_size", 16)):
        cells = swept["cell"].str.replace("tau1-g8", f"{axis}{value}")
        parts.append(swept.assign(cell=cells, **{axis: value}))
    table = pandas.concat(parts)
    harder = table.assign(benchmark="harder", loss=0.5 + table["loss"] / 2)
    table = pandas.concat([table, harder], ignore_index=True)
    samples = 2000
    correct = ((1 - table["loss"]) * samples).round()
    return table.assign(
        n_samples=samples, n_correct=correct, loss=1 - correct / samples, n_unparsed=0, n_timeout=0,
        loss_se=0.01, compute_flops_full=2.5 * table["compute_flops"] * table["step"] ** 0.1,
        response_length=50 + table["step"],
    )  # fmt: skip


def answers(curves):
    """Counts of 8 samples of each of 160 problems: by training, half are mastered and half lost."""
    rng = np.random.default_rng(6)
    own = curves[curves["benchmark"] == "held_out"][["cell", "step", "benchmark"]]
    half = pandas.DataFrame({"problem_id": [f"p{i}" for i in range(160)], "mastered": [0, 1] * 80})
    rows = own.merge(half, how="cross")
    chance = 0.25 + np.log1p(rows["step"]) / 6 * np.where(rows["mastered"], 1.0, -0.4)
    return rows.assign(n=8, n_correct=rng.binomial(8, chance.clip(0, 0.98))).drop(
        columns="mastered"
    )


FIGURES = all_figures()


class Folder:
    """A study's results folder with curves, fits, forecasts and ledger."""

    def __init__(self, root: Path, curves: pandas.DataFrame, cells=None):
        self.root = root
        self.curves = root / "curves.csv"
        write_curves(curves, self.curves)
        curves = read_curves(self.curves)
        self.cells = root / "cells.txt"
        self.cells.write_text("\n".join(sorted(set(curves["cell"])) if cells is None else cells))
        self.fits = []
        for law in ("free_slopes", "saturating", "paper"):
            for x in X:
                found = fit_document(curves, law=law, x=x, metric="loss", settings=FIT)
                self.fits.append(root / f"{law}-{x}-loss.json")
                self.fits[-1].write_text(json.dumps(rounded(found)))
        self.tables = {}

    def add_tables(self, curves):
        """Forecasts, their scores, and a ledger."""
        for name, protocol in PROTOCOLS.items():
            split, fit = Split.of(protocol), Settings.of(FIT)
            seen, targets = split_curves(curves, split, fit, "loss")
            specs = [FitSpec(law, settings=fit) for law in FORECAST_LAWS]
            made = [forecast_curves(seen, targets, spec, split) for spec in specs]
            for law, document in zip(FORECAST_LAWS, made, strict=True):
                path = self.root / f"{name}_{law}.txt"
                path.write_text(json.dumps(document))
                self.tables[f"{name}_{law}"] = path
            self.tables[f"scores_{name}"] = self.root / f"{name}.csv"
            score_forecasts(curves, made, name, fit).to_csv(self.tables[f"scores_{name}"])
        rows = curves[(curves["benchmark"] == "held_out") & (curves["step"] > 0)]
        phases = pandas.DataFrame({"phase": ["generation", "update", "evaluation"]})
        ledger = rows[["cell", "step", "compute_flops"]].merge(phases, how="cross")
        timings = ledger[["cell", "step", "phase"]].assign(seconds=1)
        self.tables["pass_at_k"] = self.root / "pass_at_k.csv"
        pass_at_k(curves, answers(curves), **PASSES).to_csv(self.tables["pass_at_k"], index=False)
        self.tables["equal_compute"] = self.root / "equal_compute.csv"
        compare_all(curves)[0].to_csv(self.tables["equal_compute"], index=False)
        self.tables["data_toy"] = self.root / "report.json"
        self.tables["data_toy"].write_text(json.dumps(DATA_REPORT))
        for name, table in (("ledger", ledger.assign(flops=1e9)), ("timings", timings)):
            self.tables[name] = self.root / f"{name}.csv"
            table.to_csv(self.tables[name], index=False)

    def draw(self, name, folder="out", compute="compute", **settings):
        spec = FIGURES[name]
        return draw(
            name,
            curves=self.curves,
            fits=[path for path in self.fits if path.stem in spec.fits_on(compute)],
            tables={
                key: path
                for key, path in self.tables.items()
                if any(fnmatch(key, pattern) for pattern in spec.tables)
            },
            cells=self.cells,
            settings=SETTINGS | {"compute": compute} | settings,
            configuration="abc",
            folder=self.root / folder,
            caption=self.root / folder / f"{name}.rst",
        )
