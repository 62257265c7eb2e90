"""Steps from the study's tables to fits, forecasts, the recommendation and the result checks."""

from collections.abc import Mapping
from typing import Any

import pandas

from rlscale.answers import checks, equal_compute, forecast, passes, published, ranking, splits
from rlscale.answers import recommend as advice
from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_json, write_text
from rlscale.core.tables import read_curves, write_curves
from rlscale.laws.protocols import read_differences
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.study import Sources, fit_study, rounded
from rlscale.study import inputs, layout, settings

Config = Mapping[str, Any]


def fit_law(config: Config, law: str, x: str, metric: str) -> None:
    """Fit one law to the study's curves, with intervals and a verdict."""
    protocols = inputs.of_cells(config, layout.PROTOCOLS)
    sources = Sources(
        outcomes=_outcomes(config),
        protocols=read_differences(protocols[0]) if protocols else None,
        expected=_expected(),
    )
    spec = FitSpec(law, x, metric, Settings.of(settings.fit(config, law)["fit"]))
    found = fit_study(read_curves(layout.CURVES), spec, sources)
    write_json(layout.fit(law, x, metric), rounded(found.to_json()))


def split_curves(config: Config, protocol: str) -> None:
    """Split curves into the rows that a forecast may learn from and the names of its targets."""
    own = settings.forecast(config, protocol)
    fit = Settings.of(own["fit"])
    by = splits.Split.of(own["protocol"])
    rows, targets = splits.split_curves(read_curves(layout.CURVES), by, fit, own["metric"])
    write_curves(rows, layout.forecast_rows(protocol))
    write_json(layout.forecast_targets(protocol), [target.to_json() for target in targets])


def forecast_laws(config: Config, protocol: str) -> None:
    """Fit every law to the rows that a forecast may learn from, and predict its targets."""
    own = settings.forecast(config, protocol)
    train = read_curves(layout.forecast_rows(protocol))
    listed = read_json(layout.forecast_targets(protocol))
    targets = [splits.Target.from_json(one) for one in listed]
    fit, by = Settings.of(own["fit"]), splits.Split.of(own["protocol"])
    for law in own["laws"]:
        spec = FitSpec(law, own["x"], own["metric"], fit)
        found = forecast.forecast_curves(train, targets, spec, by)
        write_json(layout.forecast(protocol, law), rounded(found))


def score_forecasts(config: Config, protocol: str) -> None:
    """Compare the forecasts of all laws under one protocol with what happened."""
    table = ranking.score_forecasts(
        read_curves(layout.CURVES),
        [read_json(path) for path in inputs.forecasts(config, protocol)],
        protocol,
        Settings.of(settings.scoring(config)["fit"]),
    )
    text = table.to_csv(index=False, float_format="%.10g")
    write_text(layout.forecast_scores(protocol), text)


def compare_table6(config: Config) -> None:
    """Set K_max and N0 of the published points beside the paper's Table 6."""
    page = published.compare_with_table6(
        read_curves(layout.CURVES),
        pandas.read_csv(layout.TABLE_6),
        Settings.of(settings.published(config)["fit"]),
    )
    write_text(layout.PUBLISHED, page)


def measure_passes(config: Config) -> None:
    """Measure what training does to pass@k of each size."""
    table = passes.pass_at_k(
        read_curves(layout.CURVES),
        pandas.read_parquet(layout.OUTCOMES),
        **settings.passes(config)["passes"],
    )
    write_text(layout.PASS_AT_K, table.to_csv(index=False, float_format="%.10g"))


def compare_settings(config: Config) -> None:
    """Compare recipes, variants, tau and group sizes at equal compute, as far as they vary."""
    own = settings.equal_compute(config)
    table, lacking = equal_compute.compare_all(
        read_curves(layout.CURVES), Settings.of(own["fit"]), own.get("data")
    )
    print(*lacking, sep="\n")
    write_text(layout.EQUAL_COMPUTE, table.to_csv(index=False, float_format="%.10g"))


def recommend(config: Config) -> None:
    """Answer what to train next, what reuse costs and what would tell settings apart."""
    own = settings.recommendation(config)
    page = advice.recommend(
        read_curves(layout.CURVES),
        Settings.of(own["fit"]),
        advice.Wishes(**own["recommend"]),
        _outcomes(config),
    )
    write_text(layout.RECOMMENDATION, page)


def check_results(config: Config) -> None:
    """Check the study's tables and fits."""
    own = settings.checks(config)
    ledger, protocols = (
        [pandas.read_csv(path) for path in inputs.of_cells(config, table)]
        for table in (layout.LEDGER, layout.PROTOCOLS)
    )
    found = checks.check_results(
        read_curves(layout.CURVES),
        {path.stem: read_json(path) for path in inputs.fits(config)},
        expected=_expected(),
        outcomes=_outcomes(config),
        ledger=next(iter(ledger), None),
        protocols=next(iter(protocols), None),
        seen={path.parent.name: pandas.read_csv(path) for path in inputs.seen_of_corpora(config)},
        benchmark=own["benchmark"],
        allow_missing=own["allow_missing"],
    )
    write_json(layout.CHECKS, checks.as_table(found))


def require_checks(config: Config) -> None:
    """Fail where a result check failed; name it."""
    failed = [one for one in read_json(layout.CHECKS) if one["status"] == "failed"]
    if failed:
        listed = "\n".join(f"  {one['check']}: {one['detail']}" for one in failed)
        raise StudyError(f"{layout.CHECKS}: {len(failed)} result checks failed:\n{listed}")
    write_text(layout.CHECKS_PASSED, "no result check failed\n")


def _outcomes(config: Config) -> pandas.DataFrame | None:
    tables = inputs.of_cells(config, layout.OUTCOMES)
    return pandas.read_parquet(tables[0]) if tables else None


def _expected() -> list[str]:
    """The cells that the study names."""
    return layout.CELLS.read_text(encoding="utf-8").split()
