"""What a data file holds, without a study: what is taken for what, and where rows are lost."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pandas

from rlscale.core.errors import StudyError
from rlscale.data.clean import LOSS_COLUMNS, screen
from rlscale.data.problems import tabulate
from rlscale.data.readers import Read, read_set
from rlscale.data.waterfall import as_text, example, shortened, waterfall
from rlscale.data.wrappers import WrapperFound

_MAX_CHARACTERS = 8000
_EXAMPLES = 10
_PICTURE = re.compile(r"!\[[^\]\n]*\]\(|<img\s|\\includegraphics")
_CLEANING = {
    "cleaning": "strict",
    "conflicts": "drop",
    "near": {"threshold": 0.7, "within_train": "keep"},
}


@dataclass(frozen=True)
class Overview:
    """What a data file holds.

    Attributes:
        title: The files.
        stated: What was taken for what, a line each.
        waterfall: ``stage``, ``reason``, ``rows`` and ``left`` of each step.
        losses: Examples of each loss: "stage: reason" -> lines.
        facts: What is left: name -> text.
        clusters: Examples of problems near each other, a list per cluster.
    """

    title: str
    stated: list[str]
    waterfall: list[dict[str, Any]]
    losses: dict[str, list[str]]
    facts: dict[str, str]
    clusters: list[list[str]]

    def as_text(self) -> str:
        """All of it for a terminal, three examples of each loss."""
        parts = [*self.stated, "", as_text(self.waterfall)]
        for name, lines in self.losses.items():
            parts += ["", name, *lines[:3]]
        parts += ["", *(f"{name}: {text}" for name, text in self.facts.items())]
        for lines in self.clusters[:3]:
            parts += ["", "near each other:", *lines[:3]]
        return "\n".join(parts)


def overview(
    reading: Mapping[str, Any], against: Mapping[str, Mapping[str, Any]], verifier: str | None
) -> Overview:
    """Read files as a study would, and clean them without a split.

    Args:
        reading: As for ``rlscale.data.readers.read_set``.
        against: The same for other files, by name, whose problems may not stand in these.
        verifier: Judge that must be able to use the golds; None: ``math`` where math-verify is
            installed, else only the rule for golds is asked.

    Raises:
        StudyError: A file cannot be used, or no row of it.
    """
    known = verifier or ("math" if find_spec("math_verify") else "exact")
    stated = []
    if verifier is None and known == "exact":
        stated.append("math-verify is not installed: golds are held to the rule for answers alone")
    tables, quarantine = {}, {}
    for name, source in {"": reading, **against}.items():
        read = _read(source, stated)
        tables[name], quarantine[name] = tabulate(
            read.rows, verifier=known, max_characters=_MAX_CHARACTERS
        )
    table = tables.pop("")
    if table.empty:
        raise StudyError(_none_usable(reading, quarantine[""]))
    cleaned = screen(table, tables, {**_CLEANING, "verifier": known})
    lost = quarantine[""].assign(stage="quarantine").reindex(columns=list(LOSS_COLUMNS))
    losses = pandas.concat([part for part in (lost, cleaned.losses) if len(part)] or [lost])
    return Overview(
        title=", ".join(map(str, reading.get("files", []))),
        stated=stated,
        waterfall=waterfall(len(table) + len(lost), losses),
        losses=_examples(losses),
        facts=_facts(cleaned.train),
        clusters=_clusters(cleaned.train),
    )


def _read(source: Mapping[str, Any], stated: list[str]) -> Read:
    """Read files; words around all problems are taken off, and that is stated."""
    try:
        read = read_set(source)
    except WrapperFound as found:
        stated.append(f"these words stand around all problems and are left out: {found.wrapper}")
        read = read_set({**source, "wrapper": found.wrapper})
    stated += read.stated().splitlines()
    return read


def _none_usable(reading: Mapping[str, Any], lost: pandas.DataFrame) -> str:
    listed = _examples(lost.assign(stage="quarantine"))
    lines = [line for name, shown in listed.items() for line in (name, *shown[:3])]
    return f"{reading['files'][0]}: no row can be used\n" + "\n".join(lines)


def _examples(losses: pandas.DataFrame) -> dict[str, list[str]]:
    """Examples by loss, the largest first."""
    groups = {
        f"{stage}: {reason} ({len(rows)} rows)": rows
        for (stage, reason), rows in losses.groupby(["stage", "reason"], sort=False)
    }
    return {
        name: [example(row) for row in rows.head(_EXAMPLES).to_dict("records")]
        for name, rows in sorted(groups.items(), key=lambda entry: -len(entry[1]))
    }


def _facts(table: pandas.DataFrame) -> dict[str, str]:
    lengths, golds = table["problem"].str.len(), table["answer"].value_counts()
    several = table["answer"].str.startswith('["').sum()
    frequent = ", ".join(f"{shortened(gold)} {n} times" for gold, n in golds.head(8).items())
    facts = {
        "problems left": f"{len(table):,}",
        "characters of a problem": f"median {lengths.median():.0f}, longest {lengths.max():,}",
        "different golds": f"{len(golds):,}; most frequent: {frequent}",
        "golds of which any one is right": f"{several:,}",
    }
    shown = table["problem"].str.contains(_PICTURE).sum()
    if shown:
        facts["problems that show a picture by its address"] = f"{shown:,}; they stay"
    rates = table["pass_rate"]
    if rates.notna().any():
        quarters = rates.quantile([0.25, 0.5, 0.75]).map("{:.2f}".format)
        facts["pass rates"] = (
            f"known of {rates.notna().sum():,}; quartiles {', '.join(quarters)}; "
            f"0 of {rates.eq(0).sum():,}, 1 of {rates.eq(1).sum():,}"
        )
    sizes = table["cluster_id"].value_counts()
    near = sizes[sizes > 1]
    facts["near problems"] = f"{near.sum():,} in {len(near):,} clusters; they stay"
    return facts


def _clusters(table: pandas.DataFrame) -> list[list[str]]:
    """The largest clusters of near problems, some of their rows each."""
    sizes = table["cluster_id"].value_counts()
    names = sizes[sizes > 1].index[:_EXAMPLES]
    return [
        [example(row) for row in table[table["cluster_id"] == name].head(5).to_dict("records")]
        for name in names
    ]
