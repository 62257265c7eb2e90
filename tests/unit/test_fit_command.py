import contextlib
import html
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pandas
import pytest
from curve_tables import straight_curves

from rlscale import fit
from rlscale.cli.main import main
from rlscale.laws.uncertainty import LABELS


def test_fit_prints_parameters_with_intervals_and_a_line_per_size(tmp_path, monkeypatch, capsys):
    straight_curves(0.005, runs=2).to_csv(tmp_path / "curves.csv", index=False)
    monkeypatch.chdir(tmp_path)
    command = ["rlscale", "fit", "curves.csv", "--select", "tau=1", "--output", "fit.json"]
    monkeypatch.setattr(sys, "argv", command)
    main()
    printed = capsys.readouterr().out
    assert "K_max = " in printed
    assert "27b" in printed
    assert json.loads((tmp_path / "fit.json").read_text())["law"] == "saturating"


def test_a_fit_of_nothing_ends_with_status_1(tmp_path, monkeypatch, capsys):
    curves = straight_curves(0.005, runs=2)
    curves[curves["model"] == curves["model"].iloc[0]].to_csv(tmp_path / "c.csv", index=False)
    monkeypatch.setattr(sys, "argv", ["rlscale", "fit", str(tmp_path / "c.csv")])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "Not fitted: 1 size(s)" in capsys.readouterr().out


def test_a_reader_that_leaves_ends_the_command_without_a_word(tmp_path):
    straight_curves(0.005, runs=1).to_csv(tmp_path / "c.csv", index=False)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "rlscale.cli.main", "fit", str(tmp_path / "c.csv")]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, "")


def test_trouble_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rlscale", "fit", str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.endswith("there is no such curves table\n")


def test_cells_of_two_protocols_are_refused_by_the_setting_that_differs(
    tmp_path, monkeypatch, capsys
):
    table = straight_curves(0.005, runs=2)
    hot = table["seed"].eq(1)
    table = table.assign(protocol_digest=table["protocol_digest"].mask(hot, "hot"))
    table.to_csv(tmp_path / "curves.csv", index=False)
    settings = {"1.0e-6": table.loc[~hot, "cell"], "3.0e-6": table.loc[hot, "cell"]}
    rows = [
        ("recipe.grpo.learning_rate", value, cells.nunique(), " ".join(cells.unique()))
        for value, cells in settings.items()
    ]
    columns = ["setting", "value", "cells", "which"]
    pandas.DataFrame(rows, columns=columns).to_csv(tmp_path / "protocols.csv", index=False)
    monkeypatch.setattr(sys, "argv", ["rlscale", "fit", str(tmp_path / "curves.csv")])
    with pytest.raises(SystemExit):
        main()
    assert "recipe.grpo.learning_rate | 1.0e-6 | 3.0e-6" in capsys.readouterr().err.replace(
        "3.0e-6 | 1.0e-6", "1.0e-6 | 3.0e-6"
    )


def test_the_command_loads_neither_torch_nor_snakemake(tmp_path):
    straight_curves().to_csv(tmp_path / "curves.csv", index=False)
    code = (
        "import sys; from rlscale.cli.main import main; "
        "sys.argv = ['rlscale', 'fit', 'curves.csv']; "
        "main(); print({'torch', 'snakemake', 'vllm', 'dvc'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("set()\n")


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["rlscale", *map(str, arguments)])
    main()
    return capsys.readouterr().out


def test_a_figure_and_exactly_what_it_draws(tmp_path, monkeypatch, capsys):
    straight_curves(0.005, runs=2).to_csv(tmp_path / "curves.csv", index=False)
    figure = tmp_path / "new" / "fit.svg"
    call(monkeypatch, capsys, "fit", tmp_path / "curves.csv", "--figure", figure)
    assert figure.read_text().lstrip().startswith("<?xml")
    drawn = pandas.read_csv(figure.with_suffix(".csv"))
    assert set(drawn["mark"]) == {"point", "line"}
    assert drawn["model"].nunique() == straight_curves()["model"].nunique()


def test_a_figure_of_no_known_kind_is_refused(tmp_path, monkeypatch, capsys):
    straight_curves(0.005, runs=2).to_csv(tmp_path / "curves.csv", index=False)
    with pytest.raises(SystemExit):
        call(monkeypatch, capsys, "fit", tmp_path / "curves.csv", "--figure", tmp_path / "fit.doc")
    assert "a figure ends in .pdf, .svg or .png" in capsys.readouterr().err


@pytest.mark.parametrize("bend", [0.0, 0.05])
def test_a_line_through_a_curve_that_bends_says_so_within_the_run_too(
    tmp_path, monkeypatch, capsys, bend
):
    curves = straight_curves(0.003, runs=3)
    curves = curves[curves["step"] > 0]
    log_x = np.log(curves["data_samples"])
    curves["loss"] *= np.exp(bend * (log_x - log_x.mean()) ** 2 - 0.3)
    curves.to_csv(tmp_path / "curves.csv", index=False)
    place = f"N={curves['n_params'].max()},x={curves['data_samples'].max()}"
    said = call(monkeypatch, capsys, "forecast", tmp_path / "curves.csv", "--at", place)
    assert ("near x alone, as the curves bend" in said) is (bend > 0)


def test_a_forecast_says_value_interval_and_what_it_rests_on(tmp_path, monkeypatch, capsys):
    curves = straight_curves(0.005, runs=2)
    curves.to_csv(tmp_path / "curves.csv", index=False)
    largest, last = curves["n_params"].max(), curves["data_samples"].max()
    said = call(
        monkeypatch, capsys, "forecast", tmp_path / "curves.csv",
        "--at", f"N={largest},x={last}", f"N={2 * largest},x={2 * last}",
    )  # fmt: skip
    own, beyond = said.splitlines()[:2]
    assert "; a measured size, by its own curve. K_max = " in own
    assert "no measured size, by the law, 2 times the largest, 2 times the last x" in beyond
    (known,) = fit(curves)
    there = known.predict(2 * largest, 2 * last)
    assert f"loss {there.estimate:.4f} at" in beyond
    assert "K_max" not in beyond  # the verdict is said once
    assert f"90% interval [{there.low:.4f}, {there.high:.4f}]" in beyond


def test_a_probe_tells_the_largest_size_its_level_and_nothing_else(tmp_path, monkeypatch, capsys):
    curves = straight_curves(0.003, runs=2)
    largest, last = curves["n_params"].max(), curves["data_samples"].max()
    own = curves["n_params"] == largest
    curves.loc[own, "loss"] *= 0.8  # No line in log N: only its own points tell.
    truth = curves.loc[own & (curves["data_samples"] == last), "loss"].mean()
    early = curves[~own | (curves["step"] <= 5)]
    # What comes later changes nothing, whatever it is.
    curves.loc[own & (curves["step"] > 5), "loss"] = 0.99
    said = []
    for table in (early, curves):
        table.to_csv(tmp_path / "curves.csv", index=False)
        said.append(
            call(
                monkeypatch, capsys, "forecast", tmp_path / "curves.csv",
                "--probe", "5", "--at", f"N={largest},x={last}",
            )
        )  # fmt: skip
    assert said[0] == said[1]
    value, low, high = (float(n) for n in re.findall(r"0\.\d{4}", said[0])[:3])
    assert value == pytest.approx(truth, rel=0.05)
    assert low < truth < high
    (blind,) = fit(early[early["n_params"] < largest])
    assert blind.predict(largest, last).estimate > 1.15 * truth
    assert "level by 27b's first 5 points" in said[0]
    with pytest.raises(SystemExit):
        call(
            monkeypatch, capsys, "forecast", tmp_path / "curves.csv",
            "--probe", "5", "--at", f"N={largest / 3},x={last}",
        )  # fmt: skip
    assert "N is the largest size" in capsys.readouterr().err


def test_a_size_of_few_points_is_far_from_its_own_last_x(tmp_path, monkeypatch, capsys):
    curves = straight_curves(0.003, runs=2)
    largest, last = curves["n_params"].max(), curves["data_samples"].max()
    early = curves[(curves["n_params"] < largest) | (curves["step"] <= 8)]
    early.to_csv(tmp_path / "curves.csv", index=False)
    place = ("--at", f"N={largest},x={last}")
    assert "4 times the last x" in call(
        monkeypatch, capsys, "forecast", tmp_path / "curves.csv", *place
    )


def test_one_run_a_size_leaves_the_spread_of_runs_out_and_the_forecast_says_so(
    tmp_path, monkeypatch, capsys
):
    curves = straight_curves(0.005, runs=1)
    curves.to_csv(tmp_path / "curves.csv", index=False)
    place = ("--at", f"N={3 * curves['n_params'].max()},x=9000", "--level", "0.5")
    said = call(
        monkeypatch, capsys, "forecast", tmp_path / "curves.csv", "--law", "free_slopes", *place
    )
    assert "no measured size, carried on in log N from the sizes' own curves" in said
    assert said.splitlines()[-1] == LABELS["block"].format(level=50)


def test_a_fit_says_what_n_is_and_that_step_0_has_no_place_in_it(tmp_path, monkeypatch, capsys):
    curves = straight_curves(0.005, runs=2)
    for first, said_so in ((0, True), (1, False)):
        curves[curves["step"] >= first].to_csv(tmp_path / "curves.csv", index=False)
        said = call(monkeypatch, capsys, "fit", tmp_path / "curves.csv", "--law", "free_slopes")
        assert ("step 0 is left out, as its x is 0" in said) is said_so
        assert "\nN is n_params, parameters without embeddings" in said


def test_a_model_is_forecast_by_its_name(tmp_path, monkeypatch, capsys):
    curves = straight_curves(0.005, runs=2)
    path = tmp_path / "curves.csv"
    curves.to_csv(path, index=False)
    own = curves.iloc[-1]

    def said(place: str, *more: str) -> str:
        return call(monkeypatch, capsys, "forecast", path, "--at", place, *more)

    assert said(f"model={own['model']},x=9000") == said(f"N={own['n_params']},x=9000")
    assert said("model=Qwen3-32B,x=9000") == said("N=31206298624,x=9000")
    with pytest.raises(SystemExit):
        said("model=qwen9,x=9000")
    error = capsys.readouterr().err
    assert f"neither in the curves ({', '.join(sorted(curves['model'].unique()))})" in error
    assert "write N=NUMBER, its n_params" in error


@pytest.mark.parametrize(
    "place", ["N=7e9", "model=a", "model=,x=5", "N=7e9,E=5", "N=0,x=1", "N=7b,x=1", "N=7e9,x=inf"]
)
def test_a_place_that_is_none_is_refused(tmp_path, monkeypatch, capsys, place):
    with pytest.raises(SystemExit):
        call(monkeypatch, capsys, "forecast", tmp_path / "curves.csv", "--at", place)
    assert f"{place}: the form is N=70e9,x=1e5" in capsys.readouterr().err


def test_a_page_holds_verdict_numbers_with_units_and_curves(tmp_path, monkeypatch, capsys):
    table = straight_curves(0.005, runs=2)
    table.loc[table["step"] == 32, "loss"] = float("nan")
    table.to_csv(tmp_path / "curves.csv", index=False)
    monkeypatch.chdir(tmp_path)
    command = ["rlscale", "fit", "curves.csv", "--select", "tau=1", "--report", "fit.html"]
    monkeypatch.setattr(sys, "argv", command)
    main()
    printed = capsys.readouterr().out
    page = (tmp_path / "fit.html").read_text()
    verdict = next(line for line in printed.splitlines() if line.startswith("f base: "))
    assert html.escape(verdict) in page
    assert "8 rows without a loss are left out" in page
    assert "<td>N0</td><td>n_params</td>" in page
    assert "<svg" in page
    assert "(n_params)" in printed
    monkeypatch.setattr(sys, "argv", [*command[:-1], "fit.txt"])
    with pytest.raises(SystemExit):
        main()
    assert "a report ends in .html" in capsys.readouterr().err


def test_a_forecast_from_a_fits_file_is_that_of_its_curves(tmp_path, monkeypatch, capsys):
    def said(*arguments):
        monkeypatch.setattr(sys, "argv", ["rlscale", *arguments])
        with contextlib.suppress(SystemExit):
            main()
        return capsys.readouterr()

    straight_curves(0.005, runs=2).to_csv(tmp_path / "curves.csv", index=False)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    chosen = ("--select", "tau=1", "step=1..16")
    said("fit", "curves.csv", *chosen, "--output", "out/fit.json")
    direct = said("forecast", "curves.csv", *chosen, "--at", "N=81e9,x=9000").out
    assert said("forecast", "out/fit.json", "--at", "N=81e9,D=9000").out == direct
    assert "90% interval [" in direct
    assert len(direct.splitlines()) == 2
    assert direct.splitlines()[1].startswith("90 % intervals over runs")
    assert "the fit is against data" in said("forecast", "out/fit.json", "--at", "N=81e9,C=9").err
    (tmp_path / "other.json").write_text("{}")
    assert "is no fit" in said("forecast", "other.json", "--at", "N=81e9,x=9").err
