"""The data stage of one set: from a problem table to training and held-out problems without leaks.

Nothing is lost silently: rows in = training + held-out + listed losses, asserted at the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.data.decontaminate import overlap
from rlscale.data.dedup import Text, cluster, settle_duplicates
from rlscale.data.problems import COLUMNS
from rlscale.data.splits import draw_held_out, quotas, strata_of
from rlscale.data.waterfall import shortened, so_far
from rlscale.judging.verifiers import equal_answers

LOSS_COLUMNS = (
    "part", "stage", "reason", "source", "problem_id", "problem", "answer", "other",
    "other_problem", "other_answer", "similarity", "detail",
)  # fmt: skip
HIT_COLUMNS = (
    "part", "against", "verdict", "decision", "similarity", "source", "problem", "answer",
    "other", "other_problem", "other_answer", "screened_rows",
)  # fmt: skip
CONFLICT_COLUMNS = (
    "part", "group", "source", "problem", "answer", "answer_class", "decision",
)  # fmt: skip


@dataclass(frozen=True)
class Cleaned:
    """What the stage made of a set.

    Attributes:
        train: Training problems in the order of consumption.
        held_out: Held-out problems.
        losses: Every row that is in neither, with its reason (LOSS_COLUMNS).
        conflicts: Members of duplicate groups whose gold answers differ (CONFLICT_COLUMNS).
        hits: Held-out and benchmark problems with an equal, a near, or (the closest one only) a
            different problem that shares an 8-gram (HIT_COLUMNS).
    """

    train: pandas.DataFrame
    held_out: pandas.DataFrame
    losses: pandas.DataFrame
    conflicts: pandas.DataFrame
    hits: pandas.DataFrame


class _Stage:
    """The parts of a set (train, held_out) on their way, and the record of what was lost."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.strict = settings["cleaning"] == "strict"
        self.threshold = settings["near"]["threshold"]
        self.tables: dict[str, pandas.DataFrame] = {}
        self.texts: dict[str, Text] = {}
        self.losses: list[pandas.DataFrame] = []
        self.conflicts: list[pandas.DataFrame] = []
        self.hits: list[pandas.DataFrame] = []

    def add(self, part: str, table: pandas.DataFrame, text: Text) -> None:
        """Put a part in; a text that stands several times gets ids of its own."""
        table = table.reset_index(drop=True)
        count = table.groupby("problem_id").cumcount()
        table.loc[count > 0, "problem_id"] += "-" + (count[count > 0] + 1).astype(str)
        self.tables[part], self.texts[part] = table, text

    def keep(self, part: str, rows: np.ndarray) -> None:
        """Keep these rows of a part only."""
        self.tables[part] = self.tables[part].iloc[rows].reset_index(drop=True)
        self.texts[part] = self.texts[part].take(rows)

    def drop(self, part: str, stage: str, losses: pandas.DataFrame) -> None:
        """Drop rows of a part: ``row``, ``reason``, what is known of the other problem."""
        if not self.strict or losses.empty:
            return
        rows = losses["row"].to_numpy()
        lost = self.tables[part].iloc[rows].reset_index(drop=True)
        entry = losses.drop(columns="row").reset_index(drop=True).assign(part=part, stage=stage)
        for name in ("source", "problem_id", "problem", "answer"):
            entry[name] = lost[name]
        self.losses.append(entry.reindex(columns=list(LOSS_COLUMNS)))
        self.keep(part, np.setdiff1d(np.arange(len(self.tables[part])), rows))

    def settle_duplicates(self, part: str) -> None:
        """One row per problem, and no contradictory answers."""
        table = self.tables[part]
        equal = partial(equal_answers, kind=self.settings["verifier"])
        losses, conflicts = settle_duplicates(
            table, self.texts[part], self.settings["conflicts"], equal
        )
        rows = table.iloc[conflicts["row"].to_numpy(int)].reset_index(drop=True)
        for name in ("source", "problem", "answer"):
            conflicts[name] = rows[name]
        if not self.strict:
            conflicts["decision"] = "kept as published"
        self.conflicts.append(conflicts.assign(part=part).reindex(columns=list(CONFLICT_COLUMNS)))
        other = table.iloc[losses["other"].to_numpy(int)].reset_index(drop=True)
        losses = losses.assign(similarity=1.0, **_described(other))
        self.drop(part, "duplicates", losses)

    def remove_twins(self, part: str, against: str, others: pandas.DataFrame, text: Text) -> None:
        """Drop the rows of a part that are equal or near to a problem of another set."""
        table = self.tables[part]
        found = overlap(self.texts[part], text, self.threshold)
        self.hits.append(self._listed(part, against, found.hits, others))
        twins = found.closest()
        other = others.iloc[twins["right"].to_numpy(int)].reset_index(drop=True)
        losses = pandas.DataFrame(
            {
                "row": twins.index.to_numpy(int),
                "reason": (twins["verdict"] + f" of a problem of {against}").to_numpy(),
                "similarity": twins["similarity"].to_numpy(),
                **_described(other),
            }
        )
        self.drop(part, f"overlap with {against}", losses)
        assert len(table) == len(self.tables[part]) + (len(losses) if self.strict else 0)

    def _listed(
        self, part: str, against: str, hits: pandas.DataFrame, others: pandas.DataFrame
    ) -> pandas.DataFrame:
        """The twins, and the closest mere screen hit of each other problem, with both texts."""
        screened = hits.groupby("right")["screened"].transform("sum")
        hits = hits.assign(screened_rows=screened.astype(int))
        closest = hits.sort_values(["similarity", "left"], ascending=[False, True])
        closest = closest.drop_duplicates("right")
        twin = hits["verdict"] != "different"
        hits = hits[twin | hits.index.isin(closest.index)].sort_values(["right", "left"])
        rows = self.tables[part].iloc[hits["left"].to_numpy(int)].reset_index(drop=True)
        other = others.iloc[hits["right"].to_numpy(int)].reset_index(drop=True)
        dropped = "dropped" if self.strict else "kept as published"
        listed = hits.reset_index(drop=True).assign(
            part=part,
            against=against,
            decision=np.where(hits["verdict"] == "different", "kept", dropped),
            **_described(other),
        )
        for name in ("source", "problem", "answer"):
            listed[name] = rows[name]
        return listed[list(HIT_COLUMNS)]

    def cluster(self) -> None:
        """Name the clusters of the training part; drop all but their leaders where asked."""
        table = self.tables["train"]
        leader, similarity = cluster(
            self.texts["train"], table["problem_id"].tolist(), self.threshold
        )
        table["cluster_id"] = table["problem_id"].to_numpy()[leader]
        if self.settings["near"]["within_train"] == "drop":
            rows = np.flatnonzero(leader != np.arange(len(table)))
            other = table.iloc[leader[rows]].reset_index(drop=True)
            losses = {"row": rows, "reason": "near a problem that stays"}
            losses |= {"similarity": similarity[rows], **_described(other)}
            self.drop("train", "near problems", pandas.DataFrame(losses))

    def split(self) -> None:
        """Draw the held-out part out of the training part."""
        wanted, table = self.settings["held_out"], self.tables["train"]
        sizes = {str(name): n for name, n in table["level"].value_counts(sort=False).items()}
        shares = quotas(sizes, wanted["problems"])
        try:
            drawn = draw_held_out(table["level"], table["cluster_id"], shares, wanted["seed"])
        except StudyError as error:
            raise StudyError(f"{error}; {_largest_cluster(table)}") from None
        rows = np.flatnonzero(drawn)
        self.tables["held_out"] = table.iloc[rows].reset_index(drop=True)
        self.texts["held_out"] = self.texts["train"].take(rows)
        self.keep("train", np.flatnonzero(~drawn))


def clean(
    train: pandas.DataFrame,
    held_out: pandas.DataFrame | None,
    benchmarks: Mapping[str, pandas.DataFrame],
    settings: Mapping[str, Any],
    quarantine: pandas.DataFrame | None = None,
) -> Cleaned:
    """Settle duplicates, conflicts, contamination and the split of a set.

    Args:
        train: Problem table with ``order``.
        held_out: The set's own held-out problems, likewise; None: they are drawn from ``train``.
        benchmarks: Problem table of each benchmark.
        settings: The set's entry of the configuration's ``data`` section.
        quarantine: Rows that were lost before, for what a refusal shows.

    Raises:
        StudyError: Nothing is left, or the held-out problems cannot be drawn; the message ends
            with the waterfall so far.
    """
    stage = _Stage(settings)
    try:
        _run(stage, train, held_out, benchmarks)
    except StudyError as error:
        before = pandas.DataFrame(columns=list(LOSS_COLUMNS)) if quarantine is None else quarantine
        losses = _joined([before, *stage.losses], LOSS_COLUMNS)
        rows = len(train) + (0 if held_out is None else len(held_out)) + len(before)
        raise StudyError(f"{error}. {so_far(rows, losses)}") from None
    rows_in = len(train) + (0 if held_out is None else len(held_out))
    return _result(stage, _in_order(stage.tables["train"], settings), rows_in)


def screen(
    table: pandas.DataFrame, others: Mapping[str, pandas.DataFrame], settings: Mapping[str, Any]
) -> Cleaned:
    """Settle duplicates and conflicts, take out twins of other sets, name clusters; split nothing.

    Args:
        table: Problem table with ``order``.
        others: Problem tables whose problems may not stand in it.
        settings: ``verifier``, ``cleaning``, ``conflicts`` and ``near``.
    """
    stage = _Stage(settings)
    stage.add("train", table, Text.of(table["problem"].tolist()))
    stage.settle_duplicates("train")
    for name, other in others.items():
        stage.remove_twins("train", name, other, Text.of(other["problem"].tolist()))
    stage.cluster()
    stage.tables["held_out"] = table.head(0)
    return _result(stage, stage.tables["train"], len(table))


def _result(stage: _Stage, train: pandas.DataFrame, rows_in: int) -> Cleaned:
    columns = list(COLUMNS)
    result = Cleaned(
        train=train[columns],
        held_out=stage.tables["held_out"].sort_values(["level", "problem_id"])[columns],
        losses=_joined(stage.losses, LOSS_COLUMNS),
        conflicts=_joined(stage.conflicts, CONFLICT_COLUMNS),
        hits=_joined(stage.hits, HIT_COLUMNS),
    )
    rows_out = len(result.train) + len(result.held_out)
    assert rows_in == rows_out + len(result.losses), "rows in != rows out + listed losses"
    return result


def _run(
    stage: _Stage,
    train: pandas.DataFrame,
    held_out: pandas.DataFrame | None,
    benchmarks: Mapping[str, pandas.DataFrame],
) -> None:
    """All steps of the stage, in their order."""
    for part, table in (("train", train), ("held_out", held_out)):
        if table is not None:
            stage.add(part, _levelled(table, stage.settings), Text.of(table["problem"].tolist()))
            stage.settle_duplicates(part)
    texts = {name: Text.of(table["problem"].tolist()) for name, table in benchmarks.items()}
    for part in list(stage.tables):
        for name, table in benchmarks.items():
            stage.remove_twins(part, name, table, texts[name])
    stage.cluster()
    if held_out is None:
        stage.split()
    stage.remove_twins("train", "held_out", stage.tables["held_out"], stage.texts["held_out"])
    if stage.strict:
        _assert_no_leak(stage, texts)
    for part in ("train", "held_out"):
        if stage.tables[part].empty:
            raise StudyError(f"no problem of {part} is left after cleaning")


def _largest_cluster(table: pandas.DataFrame) -> str:
    sizes = table["cluster_id"].value_counts()
    members = table[table["cluster_id"] == sizes.index[0]]
    shown = "; ".join(f"{s} {shortened(p)}" for s, p in members[["source", "problem"]].values[:3])
    return (
        f"the largest of {len(sizes)} clusters has {len(members)} of {len(table)} problems, near "
        f"each other ({shown}); is one instruction around all of them? `wrapper` takes it off"
    )


def _levelled(table: pandas.DataFrame, settings: Mapping[str, Any]) -> pandas.DataFrame:
    if settings.get("strata"):
        return table.assign(level=strata_of(table["pass_rate"], settings["strata"]))
    return table.copy()


def _described(other: pandas.DataFrame) -> dict[str, pandas.Series]:
    names = {"other": "source", "other_problem": "problem", "other_answer": "answer"}
    return {new: other[old] for new, old in names.items()}


def _joined(parts: list[pandas.DataFrame], columns: tuple[str, ...]) -> pandas.DataFrame:
    filled = [part for part in parts if len(part)]
    if not filled:
        return pandas.DataFrame(columns=list(columns))
    return pandas.concat(filled, ignore_index=True)


def _in_order(train: pandas.DataFrame, settings: Mapping[str, Any]) -> pandas.DataFrame:
    """The order of consumption; ties are broken by the problem's id, so it is always the same."""
    if settings["order"]["by"] == "shuffled":
        lot = [digest([settings["order"]["seed"], name]) for name in train["problem_id"]]
        return train.assign(lot=lot).sort_values("lot", ignore_index=True)
    levels = list(settings["generate"]["levels"]) if "generate" in settings else []
    rank = train["level"].map({name: i for i, name in enumerate(levels)}).fillna(0)
    keyed = train.assign(rank=rank, rate=-train["pass_rate"].fillna(0))  # PAPER: missing = hardest
    return keyed.sort_values(["rank", "rate", "problem_id"], ignore_index=True)


def _assert_no_leak(stage: _Stage, benchmarks: Mapping[str, Text]) -> None:
    """No pair across train, held-out and benchmarks is equal or near: all pairs, exactly."""
    pairs = [("train", "held_out", stage.texts["held_out"])]
    pairs += [(part, name, text) for part in stage.tables for name, text in benchmarks.items()]
    for part, name, text in pairs:
        left = overlap(stage.texts[part], text, stage.threshold, screen=False).twins
        assert left.empty, f"{len(left)} problems of {part} stand in {name} after cleaning"
