"""30,000 and 30.000: decided by what stands beside it, or refused with what decides."""

import io
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given, strategies

from rlscale.core.errors import StudyError
from rlscale.core.numerals import decided, to_float, written
from rlscale.core.tables import read_curves
from rlscale.curves.ingest import Intake, read_runs

CONSTANTS = {"model": "qwen2.5-7b", "variant": "base", "benchmark": "held_out"}
HEAD = "study;cell;model;variant;step;benchmark;loss;data_samples\n"


def taken(folder: Path, text: str, tokens: str = "tokens") -> Intake:
    (folder / "a.csv").write_text(text)
    columns = {"loss": "1 - acc", "tokens": tokens}
    section = {"format": "table", "files": {"a.csv": {}}, "columns": columns}
    return read_runs(section | {"constants": CONSTANTS}, "mine", folder)


def table_of(accuracies: str, tokens: str, separator: str = ";") -> str:
    rows = zip((10, 20, 30), accuracies.split(), tokens.split("|"), strict=True)
    quoted = ([str(step), f'"{acc}"', f'"{tok}"'] for step, acc, tok in rows)
    return "\n".join(separator.join(row) for row in (["step", "acc", "tokens"], *quoted)) + "\n"


COMMAS, POINTS, WHOLE = "0,1 0,2 0,3", "0.1 0.2 0.3", "0 0 1"
CLEAR = [
    ("1,048,576|2,097,152|3,145,728", [1048576, 2097152, 3145728]),
    ("30,5|60,25|90,000", [30.5, 60.25, 90]),
    ("1.234,5|2.469,0|3.703,5", [1234.5, 2469, 3703.5]),
    ("1,234.5|2,469.0|30,000", [1234.5, 2469, 30000]),
    ("30,000|1234,567|2345,678", [30, 1234.567, 2345.678]),
    ("1'048'576|2'097'152|3'145'728", [1048576, 2097152, 3145728]),
    ("1 048|2 097|3\u202f145", [1048, 2097, 3145]),
]


@pytest.mark.parametrize(("separator", "accuracies"), [(";", COMMAS), (",", POINTS), ("\t", WHOLE)])
@pytest.mark.parametrize(("tokens", "expected"), CLEAR)
def test_a_column_that_says_it_is_read_beside_any_other(
    tmp_path, separator, accuracies, tokens, expected
):
    table = taken(tmp_path, table_of(accuracies, tokens, separator)).table
    assert table["tokens"].tolist() == expected
    np.testing.assert_allclose(
        1 - table["loss"], [float(a.replace(",", ".")) for a in accuracies.split()]
    )


@pytest.mark.parametrize(("separator", "accuracies"), [(";", COMMAS), (",", COMMAS), ("\t", WHOLE)])
def test_a_column_that_does_not_say_it_is_refused_with_what_decides(
    tmp_path, separator, accuracies
):
    text = table_of(accuracies, "10,000|20,000|30,000", separator)
    with pytest.raises(StudyError) as refused:
        taken(tmp_path, text)
    assert "a.csv: 'tokens' is 10,000, and nothing in its column says" in str(refused.value)
    assert "10000 or 10: write 'grouped tokens' or 'decimal tokens'" in str(refused.value)
    grouped = taken(tmp_path, text, "grouped tokens").table["tokens"]
    assert grouped.tolist() == [10000, 20000, 30000]
    decimal = taken(tmp_path, text, "cumulative decimal tokens").table["tokens"]
    assert decimal.tolist() == [10, 30, 60]


def test_beside_decimal_points_a_comma_sets_thousands_apart_and_that_is_said(tmp_path):
    intake = taken(tmp_path, table_of(POINTS, "10,000|20,000|30,000"))
    assert intake.table["tokens"].tolist() == [10000, 20000, 30000]
    assert "in 'tokens' commas set thousands apart, such as 10,000" in "\n".join(intake.notes)


def test_beside_decimal_commas_a_point_sets_thousands_apart_and_that_is_said(tmp_path):
    intake = taken(tmp_path, table_of(COMMAS, "10.000|20.000|30.000"))
    assert intake.table["tokens"].tolist() == [10000, 20000, 30000]
    assert "in 'tokens' points set thousands apart, such as 10.000" in "\n".join(intake.notes)


@pytest.mark.parametrize(
    ("accuracies", "tokens", "expression", "words"),
    [
        (COMMAS, "1,5|2.5|3", "tokens", "decimal commas and decimal points, such as 2.5 and 1,5"),
        (COMMAS, "1,000|2.000|3", "tokens", "points, such as 2.000 and 1,000"),
        (COMMAS, "1,5|20,000|x", "grouped tokens", "cannot be 'grouped': 20,000 stands beside 1,5"),
        (COMMAS, "1,5|20,000|3", "grouped tokens", "read with decimals, such as 1.5; write it"),
        (POINTS, "10.000|20.000|30.000", "grouped tokens", "read with decimals, such as 10; write"),
        (COMMAS, "1,00,000|2|3", "tokens", "is '1,00,000', not a number; write it without signs"),
        (COMMAS, "1.2.3|2|3", "tokens", "'tokens' is '1.2.3', not a number"),
        (COMMAS, "1.5M|2|3", "tokens", "write it in full, 1200000 for 1.2M"),
        (COMMAS, "1,5 ± 0,1|2|3", "tokens", "write the value alone, its error in a column"),
        (COMMAS, "none yet|2|3", "tokens", "leave the cell empty where there is no value"),
    ],
)  # fmt: skip
def test_what_is_written_two_ways_is_refused(tmp_path, accuracies, tokens, expression, words):
    with pytest.raises(StudyError) as refused:
        taken(tmp_path, table_of(accuracies, tokens), expression)
    assert words in str(refused.value)


def test_a_column_that_nothing_reads_stands_in_nobodys_way(tmp_path):
    (tmp_path / "a.csv").write_text(table_of(COMMAS, "10,000|20,000|30,000"))
    section = {"format": "table", "files": {"a.csv": {}}, "columns": {"loss": "1 - acc"}}
    table = read_runs(section | {"constants": CONSTANTS}, "mine", tmp_path).table
    assert table["loss"].tolist() == pytest.approx([0.9, 0.8, 0.7])


@pytest.mark.parametrize(
    ("loss", "samples", "expected"),
    [
        ("0,9", "10.000", 10000),
        ("0.9", "10,000", 10000),
        ("0,9", "1,048,576", 1048576),
        ("0,9", "1024", 1024),
    ],
)
def test_a_curves_table_is_read_as_it_is_written(tmp_path, loss, samples, expected):
    (tmp_path / "c.csv").write_text(HEAD + f"s;c;m;base;10;b;{loss};{samples}\n")
    table = read_curves(tmp_path / "c.csv")
    assert (table["loss"][0], table["data_samples"][0]) == (0.9, expected)


def test_a_curves_table_that_does_not_say_it_is_refused(tmp_path):
    (tmp_path / "c.csv").write_text(HEAD + "s;c;m;base;10;b;0,9;10,000\n")
    with pytest.raises(StudyError, match=r"c\.csv: row 2: data_samples is '10,000', not a number"):
        read_curves(tmp_path / "c.csv")


NUMBERS = strategies.floats(1e-3, 1e12) | strategies.integers(0, 10**12)


@given(values=strategies.lists(NUMBERS, min_size=1, max_size=8), comma=strategies.booleans())
def test_numbers_written_either_way_come_back_or_are_left_as_text(values, comma):
    def text(value: float) -> str:
        plain = f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"
        return plain.translate(str.maketrans(",.", ".,")) if comma else plain

    texts = [text(value) for value in values]
    said = written(texts)
    assert said is not None
    if said.decimal:
        assert said.decimal == ("," if comma else ".")
        read = [to_float(own, said.decimal) for own in texts]
        np.testing.assert_allclose(read, [round(value, 4) for value in values])
    else:
        assert not any(isinstance(value, float) for value in values)
    table, _ = decided(pandas.read_csv(io.StringIO("a\n" + "\n".join(texts)), sep=";", dtype=str))
    if table["a"].dtype.kind in "if" and (comma is False or said.decimal):
        np.testing.assert_allclose(table["a"], [round(value, 4) for value in values])
