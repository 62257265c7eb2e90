"""Which part of a tensor a worker holds, put together again over the workers."""

import pytest

from rlscale.evaluation.proof import shares


def covered(mine, wholes, size):
    """Rows (or columns) of each whole tensor that the workers hold, in order of the workers."""
    held = [shares(mine, wholes, rank, size) for rank in range(size)]
    return [
        [(worker[i][0].start, worker[i][0].stop) for worker in held] for i in range(len(wholes))
    ]


def test_one_worker_holds_all_of_a_fused_layer():
    places = shares((48, 32), [(32, 32), (8, 32), (8, 32)], 0, 1)
    assert [place[0] for place in places] == [slice(0, 32), slice(0, 8), slice(0, 8)]


@pytest.mark.parametrize("rest", [(32,), ()])  # weights, and their biases
def test_heads_are_shared_out(rest):
    wholes = [(length, *rest) for length in (32, 16, 16)]
    assert covered((32, *rest), wholes, 2) == [
        [(0, 16), (16, 32)],
        [(0, 8), (8, 16)],
        [(0, 8), (8, 16)],
    ]


def test_few_key_heads_are_held_by_several_workers():
    """Four workers, two heads of keys of 8 each: workers 0 and 1 hold the first."""
    queries, keys, values = covered((24, 32), [(32, 32), (16, 32), (16, 32)], 4)
    assert queries == [(0, 8), (8, 16), (16, 24), (24, 32)]
    assert keys == values == [(0, 8), (0, 8), (8, 16), (8, 16)]


def test_gate_and_up_rows_columns_of_down_and_what_all_hold():
    assert covered((64, 32), [(64, 32), (64, 32)], 2) == [[(0, 32), (32, 64)]] * 2
    assert shares((32, 24), [(32, 48)], 1, 2) == [(slice(0, 32), slice(24, 48))]
    assert shares((32,), [(32,)], 1, 2) == [(slice(0, 32),)]


def test_the_last_share_of_an_embedding_may_be_padded():
    assert covered((128, 32), [(200, 32)], 2) == [[(0, 128), (128, 200)]]
    assert shares((256, 32), [(200, 32)], 0, 1) == [(slice(0, 200), slice(0, 32))]


@pytest.mark.parametrize(
    ("mine", "wholes", "size"),
    [
        ((16, 32), [(48, 32)], 2),  # less than a share
        ((32, 30), [(32, 48)], 2),
        ((40, 32), [(32, 32), (8, 32), (8, 32)], 1),  # no place for the values
        ((48, 16), [(32, 32), (8, 32), (8, 32)], 1),
    ],
)
def test_shapes_that_do_not_fit_together_are_no_share(mine, wholes, size):
    assert shares(mine, wholes, 0, size) is None
