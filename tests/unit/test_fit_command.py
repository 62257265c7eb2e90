import json
import subprocess
import sys

import pytest
from curve_tables import straight_curves

from rlscale.cli.main import main


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


def test_trouble_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rlscale", "fit", str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.endswith("there is no such curves table\n")


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
