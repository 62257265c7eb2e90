"""`rlscale forecast curves.csv --at N=70e9,x=1e5`: what a law gives a size there, and how sure.

In the place of the curves it takes what `rlscale fit --output` wrote: the same fit again.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.cli.fit import Fitted, add_fit_arguments, asked, fit, fit_curves
from rlscale.core.errors import StudyError
from rlscale.core.files import write_text

if TYPE_CHECKING:
    import pandas

    from rlscale.laws.prediction import Prediction
    from rlscale.laws.results import FitResult, StudyFit
    from rlscale.laws.spec import FitSpec


_AXES = {"D": ("data",), "C": ("compute", "compute_full")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_fit_arguments(parser)
    parser.add_argument(
        "--at", nargs="+", type=_place, required=True, metavar="N=NUMBER,x=NUMBER",
        help="size, as in the column --size, and abscissa, as in --x, also called D or C: "
        "N=70e9,x=1e5; a model of the curves, or one that is known, by its name: "
        "model=qwen3-32b,x=1e5",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="FILE.csv",
        help="the same as a table, to register before a run (report.forecasts of its study)",
    )  # fmt: skip
    parser.add_argument(
        "--probe", type=int, default=0, metavar="STEPS",
        help="the largest size is foretold from its first STEPS points, for its level alone, and "
        "the smaller sizes' curves",
    )  # fmt: skip
    parser.add_argument("--level", type=float, default=0.9, help="coverage of the interval (0.9)")


def run(arguments: argparse.Namespace) -> None:
    """Print a line per place and group: value, interval, what it rests on; verdicts once."""
    if not 0 < arguments.level < 1:
        raise StudyError(f"--level {arguments.level:g}: a coverage lies between 0 and 1")
    registered = _probed(arguments) if arguments.probe else _fitted(arguments)
    if arguments.output:
        _register(registered, arguments.output)


def _fitted(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Forecasts by a fit to all curves, printed."""
    from rlscale.laws.uncertainty import LABELS

    registered = []
    again = arguments.curves.suffix == ".json"
    fitted = _fit_again(arguments.curves) if again else fit(arguments)
    result = fitted.result
    places = _places(arguments.at, fitted.curves, result.size)
    for group in result.groups:
        for place, (n, axis, x) in enumerate(places):
            _check_axis(axis, result.x)
            name = f"{group.family} {group.variant}".strip()
            found = group.predict(n, x, arguments.level)
            said = f"{result.metric} {_words(found)}; {_rests_on(group, found)}"
            print(f"{name}: {said}. {'' if place else group.verdict}".rstrip())
            registered.append(_row(group.variant, result, found))
    if any(group.sizes for group in result.groups):
        print(LABELS[result.scope].format(level=100 * arguments.level))
    return registered


def _probed(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Forecasts of the largest size by its own first points, printed."""
    from rlscale.answers.probe import forecast_probed

    if arguments.curves.suffix == ".json":
        raise StudyError(f"{arguments.curves}: a probe is read from curves (.csv), not from a fit")
    (curves, _), spec = asked(arguments)
    spec = replace(spec, settings=replace(spec.settings, level=arguments.level))
    found_at = _places(arguments.at, curves, spec.settings.size)
    for _, axis, _ in found_at:
        _check_axis(axis, spec.x)
    registered, places = [], [(n, x) for n, _, x in found_at]
    for target, found in forecast_probed(curves, spec, arguments.probe, places):
        name = f"{target.family} {target.variant}".strip()
        rests = f"level by {target.model}'s first {arguments.probe} points, shape by {spec.law}"
        print(f"{name}: {spec.metric} {_words(found)}; {rests} of the smaller sizes")
        registered.append(_row(target.variant, spec, found))
    return registered


def _check_axis(axis: str, x: str) -> None:
    if x not in _AXES.get(axis, (x,)):
        raise StudyError(f"--at {axis}=...: the fit is against {x}; write x=...")


def _row(variant: str, asked_of: "StudyFit | FitSpec", found: "Prediction") -> dict[str, object]:
    """A forecast as a row of the table that is registered."""
    return {
        "variant": variant, "metric": asked_of.metric, "against": asked_of.x, "n": found.n,
        "x": found.x, "value": found.estimate, "low": found.low, "high": found.high,
        "level": found.level,
    }  # fmt: skip


def _register(rows: list[dict[str, object]], path: Path) -> None:
    """Write forecasts as a table, which the report of the study that comes reads."""
    import pandas

    if any(row["low"] is None for row in rows):
        raise StudyError(f"--output {path}: a forecast without an interval cannot be judged")
    write_text(path, pandas.DataFrame(rows).to_csv(index=False, float_format="%.10g"))


def _fit_again(path: Path) -> Fitted:
    """The fit of a document; curves are those that it names, or those of its study."""
    from rlscale.core.files import read_json
    from rlscale.core.tables import read_measured_curves
    from rlscale.laws.spec import FitSpec, Settings

    document = read_json(path)
    try:
        settings = Settings.of(document["settings"])
        spec = FitSpec(document["law"], document["x"], document["metric"], settings)
        curves = path.parent / document.get("curves", "../curves.csv")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StudyError(f"{path}: is no fit of `rlscale fit --output` or of a study") from None
    return fit_curves(curves, read_measured_curves(curves), spec)


def _place(text: str) -> tuple[float | str, str, float]:
    """N (or a model's name), the abscissa's name and the abscissa of ``N=70e9,x=1e5``."""
    try:
        found = {name: value for name, _, value in (p.partition("=") for p in text.split(","))}
        model = found.pop("model", "")
        n = model or float(found.pop("N"))
        ((axis, value),) = found.items()
        x = float(value)
    except (KeyError, ValueError):
        n, axis, x = 0.0, "", 0.0
    known = isinstance(n, str) or 0 < n < float("inf")
    if axis not in ("x", *_AXES) or not (known and 0 < x < float("inf")):
        raise argparse.ArgumentTypeError(
            f"{text}: the form is N=70e9,x=1e5, both above 0, or model=NAME,x=1e5; D and C are x "
            "against data or compute"
        )
    return n, axis, x


def _places(
    at: "list[tuple[float | str, str, float]]", curves: "pandas.DataFrame", size: str
) -> list[tuple[float, str, float]]:
    """The places that are asked for, with N in the place of models' names."""
    return [(_named(n, curves, size) if isinstance(n, str) else n, axis, x) for n, axis, x in at]


def _named(model: str, curves: "pandas.DataFrame", size: str) -> float:
    """N of a model, by the column of sizes: as the curves have it, else as it is known."""
    from rlscale.curves.known_models import known_sizes

    if not size.startswith("n_params"):
        raise StudyError(f"--at model={model}: the size of this fit is {size}; write N=NUMBER")
    own = curves.loc[curves["model"] == model, size].dropna().tolist()
    if not own and size not in known_sizes(model):
        there = ", ".join(sorted(curves["model"].dropna().unique()))
        raise StudyError(
            f"--at model={model}: neither in the curves ({there}) nor among the models whose size "
            f"is known; write N=NUMBER, its {size}"
        )
    return float(own[0] if own else known_sizes(model)[size])


def _words(found: "Prediction") -> str:
    value = f"{found.estimate:.4f} at N = {found.n:g}, x = {found.x:g}"
    if found.low is None:
        return f"{value} without an interval: replicate runs or problems are needed for one"
    return f"{value}, {found.level:.0%} interval [{found.low:.4f}, {found.high:.4f}]"


def _rests_on(group: "FitResult", found: "Prediction") -> str:
    """Whether the size was measured, and how far the place lies beyond what was."""
    sizes = [size.n for size in group.sizes]
    models = {size.model for size in group.sizes if not found.seen or size.n == found.n}
    last = max(point.x for point in group.points if point.model in models)
    by = "by the law" if group.parameters else "carried on in log N from the sizes' own curves"
    own = "a measured size, by its own curve"
    said = [own if found.seen else f"no measured size, {by}"]
    if found.n > max(sizes) and not found.seen:
        said.append(f"{found.n / max(sizes):.3g} times the largest")
    if found.n < min(sizes) and not found.seen:
        said.append(f"{min(sizes) / found.n:.3g} times below the smallest")
    bent = group.verdicts is not None and group.verdicts.bends == "yes"
    if found.x > last * (1 + 1e-9):
        said.append(f"{found.x / last:.3g} times the last x")
        if bent:
            said.append("where curves that bend need not go on as the law does")
    elif bent and found.seen and group.spec.rule.straight:
        said.append("near x alone, as the curves bend")
    return ", ".join(said)
