"""What models made here are trained on: drawn problems, less those that they must not have seen.

A step of its own, so that a new benchmark makes models again only where they must not have seen it
and its problems would have been among those drawn.
"""

import random
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import Any

from rlscale.core.files import write_text
from rlscale.core.manifests import Provenance, read_manifest, verify_files, write_manifest
from rlscale.data.arithmetic import sample
from rlscale.data.canonical import canonicalise


def make_corpus(
    *,
    name: str,
    settings: Mapping[str, Any],
    exclude: Sequence[Path],
    count: Sequence[Path],
    pairs: Path,
    seen: Path,
    manifest: Path,
) -> None:
    """Draw the problems and answers of one training, in their order.

    Args:
        name: ``pretraining`` or ``fine_tuning``.
        settings: As for ``stream``, with ``steps`` and ``batch_size`` of the training.
        exclude: Manifests of the data sets and benchmarks whose (held-out) problems a model must
            not see in training.
        count: Manifests of the benchmarks whose problems it may have seen.
        pairs: Where the table goes: ``problem`` and ``answer``.
        seen: Where the count goes, for people: ``name`` of each of all these, its ``problems``,
            and how many of them were ``seen``.
        manifest: Where the manifest goes.
    """
    import pandas

    read = (*exclude, *count)
    provenance = Provenance(
        "rlscale.models.corpus",
        settings,
        {str(path): path for path in read},
        seed=settings["seed"],
    )
    problems = {path: _problems(path) for path in read}
    unseen = set().union(*(problems[path] for path in exclude))
    wanted = settings["steps"] * settings["batch_size"]
    drawn = list(islice(stream(settings, unseen), wanted))
    pairs.parent.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame(drawn, columns=["problem", "answer"]).to_parquet(pairs, index=False)
    learnt = {canonicalise(problem) for problem, _ in drawn}
    rows = [
        (read_manifest(path)["name"], len(own), len(own & learnt)) for path, own in problems.items()
    ]
    table = pandas.DataFrame(rows, columns=["name", "problems", "seen"])
    write_text(seen, table.to_csv(index=False))
    write_manifest(
        manifest,
        provenance,
        kind="corpus",
        name=name,
        files=[pairs],
        reports=[seen],
        noted={"excluded_problems": len(unseen)},
    )


def read_pairs(manifest: Path) -> list[tuple[str, str]]:
    """Problems and answers of a corpus, in their order.

    Raises:
        StudyError: The manifest or the table is damaged.
    """
    import pandas

    verify_files(read_manifest(manifest, "corpus"))
    table = pandas.read_parquet(manifest.parent / "pairs.parquet")
    return list(zip(table["problem"], table["answer"], strict=True))


def _problems(path: Path) -> set[str]:
    """Canonical texts of a data set's held-out problems, or of a benchmark's problems."""
    import pandas

    manifest = read_manifest(path)
    verify_files(manifest)
    table = "held_out.parquet" if manifest["kind"] == "data" else "problems.parquet"
    problems = pandas.read_parquet(path.parent / table)["problem"]
    return {canonicalise(problem) for problem in problems}


def stream(settings: Mapping[str, Any], exclude: Set[str]) -> Iterator[tuple[str, str]]:
    """Problems with answers as a careless crowd would write them, without end.

    Args:
        settings: ``mixture`` (list of tasks as in ``rlscale.data.arithmetic`` with a ``weight``),
            ``wrong_answers`` (share of careful answers that are wrong), ``careless``
            (``share``, ``wrong_answers``, ``mark``: answers written after the mark are wrong
            more often) and ``seed``.
        exclude: Canonical texts of held-out and benchmark problems, never yielded.

    Yields:
        Pairs of problem and answer.
    """
    rng = random.Random(settings["seed"])
    mixture = settings["mixture"]
    weights = [task["weight"] for task in mixture]
    careless = settings["careless"]
    while True:
        task = rng.choices(mixture, weights)[0]
        problem, answer = sample(task, rng)
        if canonicalise(problem) in exclude:
            continue
        sloppy = rng.random() < careless["share"]
        wrong_share = careless["wrong_answers"] if sloppy else settings["wrong_answers"]
        if rng.random() < wrong_share:
            answer = str(int(answer) + rng.choice((-10, -2, -1, 1, 2, 10)))
        yield problem, (careless["mark"] if sloppy else "") + answer
