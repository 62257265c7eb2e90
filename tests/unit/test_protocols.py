"""The table of what differs between the cells of a study."""

import pandas

from rlscale.laws.protocols import write_differences

COMMON = {"recipe": {"steps": 4, "grpo": {"beta": 0.1}}, "evaluation": {"temperature": 0.7}}


def test_a_row_per_setting_that_differs_and_value_names_the_cells(tmp_path):
    other = {**COMMON, "recipe": {"steps": 4, "grpo": {"beta": 0.2, "epsilon": 0.3}}}
    write_differences({"a": COMMON, "b": other, "c": COMMON}, str(tmp_path / "table.csv"))
    rows = pandas.read_csv(tmp_path / "table.csv", dtype=str).values.tolist()
    assert rows == [
        ["recipe.grpo.beta", "0.1", "2", "a c"],
        ["recipe.grpo.beta", "0.2", "1", "b"],
        ["recipe.grpo.epsilon", "-", "2", "a c"],
        ["recipe.grpo.epsilon", "0.3", "1", "b"],
    ]


def test_cells_of_one_protocol_leave_no_rows(tmp_path):
    write_differences({"a": COMMON, "b": COMMON}, str(tmp_path / "table.csv"))
    assert (tmp_path / "table.csv").read_text() == "setting,value,cells,which\n"
