"""The data stage: generation, split, reuse, and no leak, checked by brute force."""

import itertools
import json
from pathlib import Path

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlscale.core.errors import StudyError
from rlscale.core.manifests import Provenance, read_manifest, verify_files, write_manifest
from rlscale.data.arithmetic import generate, problem_space, sample
from rlscale.data.canonical import tokens
from rlscale.data.prepare import make_variant, prepare_set
from rlscale.data.repeat import largest_steps, repeat
from rlscale.data.splits import draw_held_out, quotas, strata_of

LEVELS = {
    "three": {"skill": "sum", "terms": 3, "largest": 9, "problems": 200},
    "seven": {"skill": "sum", "terms": 7, "largest": 1, "problems": 400},
}
SET = {
    "verifier": "exact", "generate": {"seed": 3, "levels": LEVELS}, "max_characters": 100,
    "cleaning": "strict", "conflicts": "drop", "near": {"threshold": 0.7, "within_train": "keep"},
    "semantic_twins": {"cosine": 0.3, "alignment": 0.75, "seed": 0},
    "strata": {}, "held_out": {"problems": 40, "seed": 1},
    "order": {"by": "easy_to_hard", "seed": 0},
    "reuse": {"subsets": "nested", "layout": "per_epoch", "seed": 0},
}  # fmt: skip


def grams(problem: str) -> frozenset:
    """Token 5-grams."""
    found = tokens(problem)
    return frozenset(tuple(found[i : i + 5]) for i in range(len(found) - 4))


def near(first: str, second: str) -> bool:
    """Equal, or near by the definition."""
    a, b = grams(first), grams(second)
    return tokens(first) == tokens(second) or (bool(a | b) and len(a & b) / len(a | b) >= 0.7)


def benchmark(folder: Path, problems: list[str]) -> Path:
    """A benchmark as its rule would write it."""
    folder.mkdir()
    pandas.DataFrame({"problem": problems, "answer": "0", "source": "bench"}).to_parquet(
        folder / "problems.parquet"
    )
    write_manifest(
        folder / "manifest.json",
        Provenance("rlscale.data.clean", {}, {}, started=0),
        kind="benchmark",
        name="bench",
        files=[folder / "problems.parquet"],
    )
    return folder / "manifest.json"


def prepare(folder: Path, benchmarks: list[Path], **changes) -> dict:
    """Run the stage; its manifest."""
    settings = {**SET, **changes}
    if "read" in changes:
        del settings["generate"]
    prepare_set(
        name="toy", settings=settings, benchmarks=benchmarks, pass_rates=None,
        folder=folder, manifest=folder / "manifest.json",
    )  # fmt: skip
    return read_manifest(folder / "manifest.json", "data")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A prepared set with a benchmark that shares two problems with it."""
    root = tmp_path_factory.mktemp("data")
    drawn = generate(LEVELS, 3)
    problems = [drawn[0]["problem"], drawn[300]["problem"], "1+1+1+1+1+1+1+1+1+1="]
    prepare(root / "toy", [benchmark(root / "bench", problems)])
    return root / "toy"


def test_no_pair_across_train_held_out_and_benchmark(prepared: Path) -> None:
    parts = {p: pandas.read_parquet(prepared / f"{p}.parquet") for p in ("train", "held_out")}
    others = pandas.read_parquet(prepared.parent / "bench" / "problems.parquet")
    tables = [parts["train"]["problem"], parts["held_out"]["problem"], others["problem"]]
    for left, right in itertools.combinations(tables, 2):
        assert not [(a, b) for a in left for b in right if near(a, b)]


def test_every_row_is_accounted_for(prepared: Path) -> None:
    report = json.loads((prepared / "report.json").read_text())
    dropped = pandas.read_csv(prepared / "dropped.csv")
    assert report["rows_in"] == {"train": 600}
    assert report["rows_out"] + len(dropped) == 600
    assert {"duplicates", "overlap with bench", "overlap with held_out"} <= set(dropped["stage"])
    assert sum(step["rows"] for step in report["waterfall"][:-2]) == report["rows_out"]
    assert dropped[["reason", "source", "problem"]].notna().all(axis=None)


def test_equal_settings_give_equal_bytes(prepared: Path, tmp_path: Path) -> None:
    again = prepare(tmp_path / "toy", [prepared.parent / "bench" / "manifest.json"])
    first = read_manifest(prepared / "manifest.json")
    assert [f["sha256"] for f in again["files"]] == [f["sha256"] for f in first["files"]]
    verify_files(first)


def test_as_published_keeps_everything_and_still_reports(tmp_path: Path) -> None:
    first = generate(LEVELS, 3)[0]["problem"]
    made = prepare(
        tmp_path / "toy", [benchmark(tmp_path / "bench", [first])], cleaning="as_published"
    )
    assert made["n_train"] + made["n_held_out"] == 600
    hits = pandas.read_csv(tmp_path / "toy" / "hits.csv")
    assert set(hits.loc[hits["verdict"] != "different", "decision"]) == {"kept as published"}
    train = pandas.read_parquet(tmp_path / "toy" / "train.parquet")
    assert train["problem_id"].is_unique


def test_a_space_of_problems_is_counted_exactly() -> None:
    import random

    task = {"skill": "sum", "terms": 2, "largest": 2}
    rng = random.Random(0)
    assert len({sample(task, rng)[0] for _ in range(2000)}) == problem_space(task) == 18
    assert problem_space({"skill": "largest", "terms": 3, "largest": 9}) == 1000


def test_a_level_that_asks_too_much_of_its_space_is_refused() -> None:
    level = {"skill": "sum", "terms": 2, "largest": 9, "problems": 11}
    with pytest.raises(StudyError, match="22 problems are asked of a space of 200; at most 20"):
        generate({"a": level, "b": level}, 1)


@given(st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_answers_are_right(seed: int) -> None:
    for row in generate(LEVELS, seed)[:20]:
        assert eval(row["problem"].rstrip("=")) == int(row["answer"])


def pool(n: int = 64) -> pandas.DataFrame:
    """A clean training pool, easy to hard."""
    return pandas.DataFrame(
        {
            "problem_id": [f"p{i:03}" for i in range(n)],
            "level": ["easy"] * (n // 2) + ["hard"] * (n - n // 2),
            "pass_rate": [1 - i / n for i in range(n)],
        }
    )


RECIPE = {"prompts_per_step": 4, "steps": 16, "taus": [1, 4, 16], "seed": 0}


@pytest.mark.parametrize("layout", ["per_epoch", "interleaved"])
@pytest.mark.parametrize("subsets", ["nested", "independent"])
@pytest.mark.parametrize("tau", [1, 4, 16])
def test_reuse_keeps_its_identities(tau: int, subsets: str, layout: str) -> None:
    variant = repeat(pool(), tau=tau, subsets=subsets, layout=layout, **RECIPE)
    uses = variant["problem_id"].value_counts()
    assert len(uses) * tau == len(variant) == 64
    assert set(uses) == {tau}
    assert variant["position"].tolist() == list(range(64))
    assert variant.groupby("step").size().eq(4).all()
    assert not variant.duplicated(["step", "problem_id"]).any()
    assert abs((variant["level"] == "easy").mean() - 0.5) <= tau / 64
    order = variant[variant["epoch"] == 1]["problem_id"]
    assert order.is_monotonic_increasing, "the curriculum is shuffled"
    block = variant["step"] <= tau
    assert (variant[block]["problem_id"].nunique() == 4) is (
        layout == "interleaved" or tau in (1, 16)
    )


def test_nested_subsets_are_nested_and_independent_ones_are_not() -> None:
    chosen = {
        (subsets, tau): set(
            repeat(pool(), tau=tau, subsets=subsets, layout="per_epoch", **RECIPE)["problem_id"]
        )
        for subsets in ("nested", "independent")
        for tau in (4, 16)
    }
    assert chosen["nested", 16] < chosen["nested", 4]
    assert chosen["independent", 4] != chosen["nested", 4]


def test_a_pool_that_is_too_small_says_what_it_allows() -> None:
    with pytest.raises(StudyError, match=r"has 63: it allows 0 steps .*lcm\(tau\) = 16"):
        repeat(pool(63), tau=1, subsets="nested", layout="per_epoch", **RECIPE)
    assert largest_steps(53_904, 512, [1]) == 105
    assert largest_steps(53_904, 512, [1, 2, 4, 5, 10, 20, 25, 50, 100]) == 100


def test_a_variant_is_written_with_its_counts(prepared: Path, tmp_path: Path) -> None:
    settings_ = {"prompts_per_step": 8, "steps": 8, "tau": 4, "taus": [1, 4], "reuse": SET["reuse"]}
    make_variant(
        name="toy/main-tau4", settings=settings_, data=prepared / "manifest.json",
        output=tmp_path / "train.parquet", manifest=tmp_path / "manifest.json",
    )  # fmt: skip
    manifest = read_manifest(tmp_path / "manifest.json", "variant")
    assert (manifest["d_unique"], manifest["d_total"]) == (16, 64)
    assert len(pandas.read_parquet(tmp_path / "train.parquet")) == 64


def test_strata_and_quotas() -> None:
    rates = pandas.Series([1.0, 0.3, 0.29, None])
    assert strata_of(rates, {"easy": 0.3, "hard": 0}).tolist() == ["easy", "easy", "hard", "hard"]
    assert quotas({"a": 30, "b": 60}, 10) == {"a": 3, "b": 7}
    with pytest.raises(StudyError, match="no stratum 'c'"):
        quotas({"a": 30}, {"c": 1})
    with pytest.raises(StudyError, match="at most half"):
        quotas({"a": 30}, {"a": 16})
    with pytest.raises(StudyError, match="begin at pass rate 0"):
        strata_of(rates, {"easy": 0.3})


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), min_size=40), st.integers(0, 9)
)
@settings(max_examples=50, deadline=None)
def test_clusters_are_held_out_whole(rows, seed: int) -> None:
    level, cluster = [r[0] for r in rows], [f"{r[0]}{r[1]}" for r in rows]
    shares = {"a": min(3, level.count("a") // 2)}
    try:
        mask = draw_held_out(level, cluster, shares, seed)
    except StudyError:
        return
    held = {c for c, out in zip(cluster, mask, strict=True) if out}
    assert held.isdisjoint({c for c, out in zip(cluster, mask, strict=True) if not out})
    assert sum(mask) == shares["a"]


def test_a_refusal_shows_the_waterfall_and_three_rows_of_the_largest_loss(tmp_path: Path) -> None:
    drawn = [row["problem"] for row in generate(LEVELS, 3)]
    with pytest.raises(StudyError, match=r"left after cleaning|held_out") as refusal:
        prepare(tmp_path / "toy", [benchmark(tmp_path / "bench", drawn)])
    said = str(refusal.value).splitlines()
    assert said[1].split() == ["read", "600", "600"]
    assert any("overlap with bench" in line and line.split()[-1] == "0" for line in said)
    shown = said[said.index("Of the largest loss:") + 1 :]
    assert len(shown) == 3
    assert all("generated#" in line and "; beside " in line for line in shown)


def test_problems_that_are_all_near_each_other_are_shown(tmp_path: Path) -> None:
    words = " ".join(f"w{i}" for i in range(80))
    rows = [{"problem": f"{words} {i}", "answer": str(i)} for i in range(60)]
    file = tmp_path / "set.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    read = {"layout": "plain", "columns": {}, "wrapper": "{problem}", "files": [str(file)]}
    settings = {**{key: SET[key] for key in SET if key != "generate"}, "read": read}
    settings |= {"held_out": {"problems": 20, "seed": 1}}
    with pytest.raises(StudyError, match="largest of 1 clusters has 60 of 60 problems") as refusal:
        prepare_set(
            name="toy", settings={**settings, "verifier": "number", "max_characters": 8000},
            benchmarks=[], pass_rates=None, folder=tmp_path / "toy",
            manifest=tmp_path / "toy" / "manifest.json",
        )  # fmt: skip
    assert "`wrapper` takes it off" in str(refusal.value)
