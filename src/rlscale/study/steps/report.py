"""Steps that draw: figures, the comparison of studies, and the pages around them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.code import code_digest
from rlscale.core.files import read_json, write_text
from rlscale.core.manifests import input_fingerprints
from rlscale.core.tables import read_curves
from rlscale.report import beforehand
from rlscale.report.explore import explore_page
from rlscale.report.figures import compare
from rlscale.report.figures.draw import draw
from rlscale.report.figures.output import save
from rlscale.report.figures.registry import all_figures
from rlscale.report.figures.style import style
from rlscale.report.page import Sources, report_page
from rlscale.study import inputs, layout, settings
from rlscale.study.folder import PRODUCT

Config = Mapping[str, Any]

# Fixed captions and the template of the page to explore.
_STATIC = PRODUCT / "workflow/report"


def plot(config: Config, figure: str) -> None:
    """Draw one figure: PDF, PNG, CSV and the caption that its data give."""
    spec = all_figures()[figure]
    draw(
        figure,
        curves=layout.CURVES,
        fits=inputs.figure_fits(config, spec),
        tables=inputs.figure_tables(config, spec),
        cells=layout.CELLS,
        settings=settings.figures(config),
        configuration=settings.whole(config),
        folder=layout.RESULTS,
        caption=layout.CAPTIONS / f"{figure}.rst",
    )


def compare_studies(config: Config, other: str, law: str, x: str, metric: str) -> None:
    """Compare the fits of two studies: a figure of both, and a table of the differences."""
    paths = inputs.compared(config, other, law, x, metric)
    pdf = layout.comparison(other, law, x, metric)
    provenance = {
        "figure": pdf.stem,
        "configuration": settings.whole(config),
        "code": {"module": compare.__name__, "digest": code_digest(compare.__name__)},
        "inputs": input_fingerprints({str(path): path for path in paths}),
    }
    with style():
        save(compare.compared(*map(read_json, paths)), pdf.stem, pdf.parent, provenance)


def write_report(config: Config) -> None:
    """Write the report from checks, findings, pictures, fits and forecasts; one file."""
    import pandas

    sources = Sources(
        study=config["study"],
        size=config["fit"]["size"],
        benchmark=settings.figures(config)["benchmark"],
        curves=read_curves(layout.CURVES),
        checks=read_json(layout.CHECKS),
        fits={path.stem: read_json(path) for path in inputs.fits(config)},
        scores={
            name: pandas.read_csv(layout.forecast_scores(name))
            for name in config["forecast"]["protocols"]
        },
        recommendation=layout.RECOMMENDATION.read_text(encoding="utf-8"),
        folder=layout.RESULTS,
        captions=layout.CAPTIONS,
        static=_STATIC,
        **_said_before(config),
    )
    write_text(layout.REPORT_PAGE, report_page(sources))


def _said_before(config: Config) -> dict[str, list[beforehand.Row]]:
    """Claims and forecasts that the study made before its runs, where it names their files."""
    named = config.get("report", {})
    own = settings.figures(config)
    said = {}
    if "claims" in named:
        said["claims"] = beforehand.own_claims(Path(named["claims"]))
    if "forecasts" in named:
        said["registered"] = beforehand.forecasts(
            Path(named["forecasts"]), read_curves(layout.CURVES), own["select"], own["size"],
            own["benchmark"], own["level"],
        )  # fmt: skip
    return said


def write_explore_page(config: Config) -> None:
    """Write the page to explore curves, laws and forecasts; one file, no network."""
    page = explore_page(
        (_STATIC / "explore.html").read_text(encoding="utf-8"),
        config["study"],
        read_curves(layout.CURVES),
        {path.stem: read_json(path) for path in inputs.fits(config)},
        config["fit"]["size"],
    )
    write_text(layout.EXPLORE_PAGE, page)
