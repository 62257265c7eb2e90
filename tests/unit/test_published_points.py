"""Table 6 of the paper from points read from its figures, base and instruct (../shared)."""

import pandas
import pytest
from curve_tables import fit_document

from rlscale.answers.published import intra_rows
from rlscale.core.tables import check_curves

SETTINGS = {"weighting": "equal", "bootstrap": {"replicates": 20}}


def curves(folder, variant):
    table = pandas.read_csv(folder / "published/vector/curves.csv").query(f"variant == '{variant}'")
    model = table["model_size_b"].astype(str) + "b"
    table = pandas.DataFrame(
        {
            "study": "published", "family": "qwen2.5", "variant": variant, "model": model,
            "cell": model, "step": table["step"], "benchmark": "held_out",
            "loss": table["test_loss"], "n_params": 1e9 * table["model_size_b"],
            "data_samples": 512 * table["step"], "protocol_digest": "paper",
        }
    )  # fmt: skip
    return check_curves(table, "published")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "k_max", "n0"), [("base", 0.1348, 11.52), ("instruct", 0.1325, 17.08)]
)
def test_the_papers_clip_rule_returns_table_6(shared, variant, k_max, n0):
    rows = intra_rows(curves(shared, variant), variant)
    (group,) = fit_document(rows, law="paper", settings=SETTINGS)["groups"]
    found = group["parameters"]
    assert found["K_max"]["estimate"] == pytest.approx(k_max, abs=6e-5)
    assert found["N0"]["estimate"] / 1e9 == pytest.approx(n0, abs=6e-3)


def test_a_clip_goes_by_index_from_the_ends_of_each_curve():
    steps = {"long": range(1, 106), "short": range(4, 103)}
    table = pandas.concat(
        pandas.DataFrame({"cell": cell, "benchmark": "held_out", "step": list(own)})
        for cell, own in steps.items()
    )
    for variant, ends in (("base", {"long": (1, 25), "short": (4, 22)}),
                          ("instruct", {"long": (4, 40), "short": (4, 37)})):  # fmt: skip
        kept = intra_rows(table, variant).groupby("cell")["step"].agg(["min", "max"])
        assert {cell: tuple(row) for cell, row in kept.iterrows()} == ends
