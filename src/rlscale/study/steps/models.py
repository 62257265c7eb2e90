"""Steps that put models' weights into the study, and what those made here learn from."""

from collections.abc import Mapping
from typing import Any

from rlscale.models import corpus, sources
from rlscale.study import inputs, layout, settings

Config = Mapping[str, Any]


def make_corpus(config: Config, name: str) -> None:
    """Draw what models made here learn from, less the problems that they must not have seen."""
    manifest = layout.corpus(name)
    corpus.make_corpus(
        name=name,
        settings=settings.corpus(config, name),
        exclude=inputs.unseen(config),
        count=inputs.may_be_seen(config),
        seen=layout.seen_of(name),
        pairs=manifest.with_name("pairs.parquet"),
        manifest=manifest,
    )


def make_model(config: Config, model: str, variant: str) -> None:
    """Make, fetch or copy the weights of one model's variant."""
    name = f"{model}-{variant}"
    sources.make_model(
        identity=settings.identity(config, model),
        settings=settings.model(config, model, variant),
        corpus=next(iter(inputs.corpora(config, model, variant)), None),
        base=next(iter(inputs.base_of(config, model, variant)), None),
        weights=layout.weights(name),
        state=layout.model_state(name),
        manifest=layout.model(name),
    )
