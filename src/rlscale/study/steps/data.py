"""Steps of the data stage: benchmarks, data sets and their variants for training."""

from collections.abc import Mapping
from typing import Any

from rlscale.data import prepare
from rlscale.evaluation import making
from rlscale.study import inputs, layout, settings

Config = Mapping[str, Any]


def make_benchmark(config: Config, benchmark: str) -> None:
    """Make the problem table of one benchmark."""
    manifest = layout.benchmark(benchmark)
    making.make_benchmark(
        benchmark,
        settings.benchmark(config, benchmark),
        problems=manifest.with_name("problems.parquet"),
        manifest=manifest,
    )


def list_problems(config: Config, name: str) -> None:
    """List the problems of a data set that can be used, before it is cleaned and split."""
    manifest = layout.problem_list(name)
    prepare.list_problems(
        name=name,
        settings=settings.problem_list(config, name),
        problems=manifest.with_name("problems.parquet"),
        manifest=manifest,
    )


def prepare_set(config: Config, name: str) -> None:
    """Generate or read a data set, clean it, split it, report on it."""
    manifest = layout.data_set(name)
    prepare.prepare_set(
        name=name,
        settings=settings.data_set(config, name),
        benchmarks=inputs.of_benchmarks(config),
        pass_rates=next(iter(inputs.of_pass_rates(config, name)), None),
        folder=manifest.parent,
        manifest=manifest,
    )


def make_variant(config: Config, name: str, recipe: str, tau: str) -> None:
    """Lay a set's training problems out over the steps of a recipe, each problem tau times."""
    manifest = layout.variant(name, recipe, int(tau))
    prepare.make_variant(
        name=f"{name}/{recipe}-tau{tau}",
        settings=settings.variant(config, name, recipe, int(tau)),
        data=layout.data_set(name),
        output=manifest.with_name("train.parquet"),
        manifest=manifest,
    )
