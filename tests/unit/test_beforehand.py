"""What a study said before its runs stands in its report, beside what was measured."""

import re

import pytest
from curve_tables import straight_curves

from rlscale.cli.main import main
from rlscale.core.errors import StudyError
from rlscale.core.tables import write_curves
from rlscale.report.beforehand import forecasts, own_claims

HEAD = "variant,metric,against,n,x,value,low,high\n"


@pytest.fixture(scope="module")
def curves():
    return straight_curves(noise=0.01, runs=3, steps=(0, 1, 2, 4, 8, 16))


@pytest.fixture
def place(curves):
    """A size, an x that its three runs reached, and the mean of their losses there."""
    own = curves[(curves["model"] == "9b") & (curves["step"] == 16)]
    return own["n_params"].iloc[0], own["data_samples"].iloc[0], own["loss"].mean()


def judged(path, curves):
    rows = forecasts(path, curves, {}, "n_params", "held_out", 0.9)
    return [(row.verdict, row.chip) for row in rows]


def test_a_forecast_is_inside_outside_or_not_measured(tmp_path, curves, place):
    n, x, loss = place
    path = tmp_path / "registered.csv"
    path.write_text(
        HEAD
        + f"base,loss,data,{n},{x},{loss},{loss - 1e-6},{loss + 1e-6}\n"
        + f"base,loss,data,{n},{x},{loss},{loss + 0.1},{loss + 0.2}\n"
        + f"base,loss,data,{n},{x},{loss},{loss + 1e-6},{loss + 0.1}\n"  # within its interval
        + f"base,loss,data,{n},{1.009 * x},{loss},0,1\n"  # as good as there
        + f"base,loss,data,{n},{1.02 * x},{loss},0,1\n"  # elsewhere
        + f"instruct,loss,data,{n},{x},{loss},0,1\n"
    )
    none, inside = ("not measured", ""), ("inside", "yes")
    assert judged(path, curves) == [
        inside, ("outside", "no"), ("undecided", "undecided"), inside, none, none
    ]  # fmt: skip
    (first, *_) = forecasts(path, curves, {}, "n_params", "held_out", 0.9)
    assert re.search(rf"measured {loss:.3f} \[0\.\d+, 0\.\d+\] \(3 runs\)$", first.found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("variant,n\nbase,1\n", "no column 'metric'"),
        (HEAD + "base,loss,data,1,1,0.5,0.4,\n", "row 0: 'high' is empty"),
        (HEAD + "base,loss,data,1,1,0.5,0.4,much\n", "column 'high' must hold numbers"),
        (HEAD + "base,loss,flops,1,1,0.5,0.4,0.6\n", "against 'flops' is none of"),
        ("", "cannot be read"),
    ],
)
def test_a_file_that_is_no_register_is_refused(tmp_path, curves, text, words):
    path = tmp_path / "registered.csv"
    path.write_text(text)
    with pytest.raises(StudyError, match=words):
        judged(path, curves)
    with pytest.raises(StudyError, match=r"absent\.csv: cannot be read"):
        own_claims(tmp_path / "absent.csv")


def test_claims_keep_their_words(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(
        'claim,text,found,verdict\nR1,k rises,"+0.05 [0.03, 0.07]",holds\n'
        "R2,,1,undecided\nR3,,2,open\n"
    )
    rows = own_claims(path)
    assert [(row.name, row.verdict, row.chip) for row in rows] == [
        ("R1", "holds", "yes"), ("R2", "undecided", "undecided"), ("R3", "open", ""),
    ]  # fmt: skip
    assert rows[0].found == "+0.05 [0.03, 0.07]"
    assert [row.text for row in rows] == ["k rises", "", ""]


def test_what_the_command_registers_the_report_reads(tmp_path, curves, place, monkeypatch):
    n, x, _ = place
    table, path = tmp_path / "curves.csv", tmp_path / "registered.csv"
    write_curves(curves, table)
    at = [f"N={n:g},D={x:g}", f"N={n:g},D={2 * x:g}"]
    command = ["rlscale", "forecast", str(table), "--at", *at, "--output", str(path)]
    monkeypatch.setattr("sys.argv", command)
    main()
    verdicts = [row.verdict for row in forecasts(path, curves, {}, "n_params", "held_out", 0.9)]
    assert verdicts == ["inside", "not measured"]
