"""Whether an engine's worker holds a checkpoint's weights: number by number, in its own format.

A worker reads the checkpoint's files itself and compares its share of every tensor, cast to the
number format that it computes in. So honest rounding is no difference at all, and one number that
is off by its last bit is one, whatever the model's size, format or number of workers. Layers that
the CPU backend has packed give their numbers back as products with unit vectors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Slices = tuple[slice, ...]
# Of models that do not say themselves which of their tensors are one in the engine.
_FUSED = {
    "qkv_proj": ("q_proj", "k_proj", "v_proj"),
    "gate_up_proj": ("gate_proj", "up_proj"),
}
# Layers of a mixture's experts, which the engine stacks.
_EXPERTS = {"w13_weight": "gate_up_proj", "w2_weight": "down_proj"}
_BLOCK = 2**24  # numbers compared at a time
_COLUMNS = 512  # of a packed layer, read back at a time


@dataclass
class Comparison:
    """What a worker found.

    Attributes:
        compared: Tensors that were compared.
        differing: Names of those that are not the files'.
        unknown: Names of those that no tensor of the files could be held against.
    """

    compared: int = 0
    differing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def compare_weights(
    model: Any, files: Mapping[str, Any], dtype: "torch.dtype", rank: int, size: int
) -> Comparison:
    """Hold a worker's model against a checkpoint's files.

    Args:
        model: vLLM's model in this worker.
        files: Name of each tensor -> handle of the safetensors file that has it.
        dtype: The engine's number format.
        rank: This worker among those that share the model.
        size: How many share it.
    """
    mapper = getattr(model, "hf_to_vllm_mapper", None)
    names = {_engine_name(mapper, name): name for name in files}
    fused = {**_FUSED, **(getattr(model, "packed_modules_mapping", None) or {})}
    found = Comparison()
    for name, mine in _held(model, dtype):
        sources = _sources(name, fused, names)
        if sources is None:
            found.unknown.append(name)
            continue
        pieces = [files[source].get_slice(source) for source in sources]
        found.compared += 1
        if not _equal(mine, pieces, dtype, rank, size):
            found.differing.append(name)
    return found


def _engine_name(mapper: Any, name: str) -> str:
    """The engine's name of a file's tensor, those that it joins still apart."""
    if mapper is None:
        return name
    return mapper.get_rename_mapper().map_name(name) or name


def _held(model: Any, dtype: "torch.dtype") -> Iterator[tuple[str, "torch.Tensor"]]:
    """Names and numbers of all that a worker computes with, packed layers unpacked."""
    for name, parameter in model.named_parameters():
        layer, _, kind = name.rpartition(".")
        if kind in _EXPERTS and parameter.device.type != "cpu":  # the CPU backend packs them
            for number, expert in enumerate(parameter.data):
                yield f"{layer}.{number}.{_EXPERTS[kind]}.weight", expert
        elif parameter.numel():
            yield name, parameter.data
    for name, module in model.named_modules():
        if hasattr(module, "cpu_linear"):
            yield f"{name}.weight", _unpacked(module, dtype)


def _unpacked(module: Any, dtype: "torch.dtype") -> "torch.Tensor":
    """Weights of a packed linear layer, shape (outputs, inputs): its products with unit vectors."""
    import torch

    widths = ("input_size_per_partition", "input_size", "embedding_dim")
    inputs = next(getattr(module, width) for width in widths if hasattr(module, width))
    columns = []
    for start in range(0, inputs, _COLUMNS):
        stop = min(start + _COLUMNS, inputs)
        units = torch.zeros(stop - start, inputs, dtype=dtype)
        units[torch.arange(stop - start), torch.arange(start, stop)] = 1
        columns.append(module.cpu_linear(units, module.weight, None).T)
    return torch.cat(columns, dim=1)


def _sources(
    name: str, fused: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> list[str] | None:
    """Names in the files of the tensors that one of the engine's is made of."""
    layer = next((part for part in fused if f".{part}." in name), None)
    pieces = [name.replace(layer, piece) for piece in fused[layer]] if layer else [name]
    if name.endswith("lm_head.weight") and name not in names:  # tied
        pieces = [other for other in names if other.endswith("embed_tokens.weight")][:1]
    if not pieces or not all(piece in names for piece in pieces):
        return None
    return [names[piece] for piece in pieces]


def _equal(
    mine: "torch.Tensor", pieces: Sequence[Any], dtype: "torch.dtype", rank: int, size: int
) -> bool:
    places = shares(tuple(mine.shape), [tuple(piece.get_shape()) for piece in pieces], rank, size)
    if places is None:
        return False
    row = 0
    for piece, place in zip(pieces, places, strict=True):
        rows, rest = place[0], place[1:]
        width = max(1, mine[:1].numel())
        for start in range(rows.start, rows.stop, max(1, _BLOCK // width)):
            stop = min(start + max(1, _BLOCK // width), rows.stop)
            theirs = piece[(slice(start, stop), *rest)].to(mine.device)
            if not _same(mine[row : row + stop - start], theirs, dtype):
                return False
            row += stop - start
    return True


def _same(held: "torch.Tensor", theirs: "torch.Tensor", dtype: "torch.dtype") -> bool:
    """Whether numbers are the files', cast to the engine's format or kept in a wider one.

    What is too small for a normal number may be 0: packed layers flush it.
    """
    import torch

    tiny = torch.finfo(torch.float32).tiny
    casts = (theirs.to(dtype).to(held.dtype), theirs.to(held.dtype))
    return any(torch.isclose(held, cast, rtol=0, atol=tiny, equal_nan=True).all() for cast in casts)


def shares(
    mine: tuple[int, ...], wholes: Sequence[tuple[int, ...]], rank: int, size: int
) -> list[Slices] | None:
    """Which part of each tensor a worker holds, one below the other along the first dimension.

    Args:
        mine: Shape of what the worker holds; an embedding may have more rows than its share, as
            padding.
        wholes: Shapes in the files: one tensor, or those of a fused layer (queries, keys and
            values; gate and up).
        rank: This worker.
        size: Workers that share the model.

    Returns:
        A slice per dimension for each tensor; None where the shapes do not fit together.
    """
    if len(wholes) == 1:
        place = _share(mine, wholes[0], rank, size)
        return None if place is None else [place]
    return _fused_shares(mine, wholes, rank, size)


def _share(mine: tuple[int, ...], whole: tuple[int, ...], rank: int, size: int) -> Slices | None:
    """Which part of one tensor a worker holds; None where the shapes do not fit together."""
    rest = mine[1:]
    if mine == whole:
        return tuple(slice(0, length) for length in whole)
    if rest == whole[1:]:  # rows are shared out; the last worker's may be padded
        start = min(rank * mine[0], whole[0])
        rows = slice(start, min(start + mine[0], whole[0]))
        padded = mine[0] * size - whole[0]
        if not 0 <= padded < max(mine[0], 64 * size):
            return None
        return (rows, *(slice(0, length) for length in rest))
    if len(mine) == 2 and mine[0] == whole[0] and mine[1] * size == whole[1]:
        return slice(0, whole[0]), slice(rank * mine[1], (rank + 1) * mine[1])
    return None


def _fused_shares(
    mine: tuple[int, ...], wholes: Sequence[tuple[int, ...]], rank: int, size: int
) -> list[Slices] | None:
    """Which part of each tensor of a fused layer a worker holds; as ``shares``."""
    rest = mine[1:]
    if any(whole[1:] != rest for whole in wholes):
        return None
    own = wholes[0][0] // size
    counts = [own] + [(mine[0] - own) // (len(wholes) - 1)] * (len(wholes) - 1)
    if sum(counts) != mine[0]:
        return None
    places: list[Slices] = []
    for whole, count in zip(wholes, counts, strict=True):
        copies = max(1, count * size // whole[0])  # few key heads are held by several workers
        start = rank // copies * count
        if count * size != whole[0] * copies:
            return None
        places.append((slice(start, start + count), *(slice(0, length) for length in rest)))
    return places
