"""Checkpoints as files: their digest, what their tensors are, and what they should compute."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256
from rlscale.core.manifests import NOT_READ


def weight_files(folder: Path | str) -> list[Path]:
    """A folder's safetensors files; a StudyError names a folder without any."""
    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        raise StudyError(f"{folder}: no .safetensors file; train the cell again")
    return files


def weights_digest(folder: Path | str) -> str:
    """Digest of a checkpoint's bytes: its weights, its model configuration and its own code."""
    folder = Path(folder)
    files = [*weight_files(folder), folder / "config.json", *sorted(folder.glob("*.py"))]
    return digest({file.name: file_sha256(file) for file in files})


def tokenizer_digest(folder: Path | str) -> str:
    """Digest of all in a model's folder that is not its weights and makes tokens of text.

    Counted is every file but weights, the model's configuration, code (``weights_digest`` has
    those) and what no library reads: tokenizer, added tokens, chat template, generation settings.
    """
    files = [
        file
        for file in sorted(Path(folder).iterdir())
        if file.is_file()
        and file.suffix not in (".safetensors", ".py")
        and file.name not in ("config.json", *NOT_READ)
        and not file.name.endswith(".safetensors.index.json")
    ]
    return digest({file.name: file_sha256(file) for file in files})


def tensor_shapes(folder: Path | str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a folder's tensors, from the files' headers."""
    from safetensors import SafetensorError

    shapes: dict[str, tuple[int, ...]] = {}
    for file, handle in _opened(folder):
        try:
            shapes |= {
                name: tuple(handle.get_slice(name).get_shape())
                for name in handle.keys()  # noqa: SIM118 (not a mapping)
            }
        except SafetensorError as error:
            raise StudyError(f"{file}: broken safetensors header ({error})") from error
    return shapes


def differing_tensor(
    one: Mapping[str, tuple[int, ...]], other: Mapping[str, tuple[int, ...]]
) -> str | None:
    """The first tensor in which two models of one architecture would not differ; None without any.

    A tied output head and the buffers of rotary positions may stand in a file or not: both follow
    from the rest of it.
    """
    for name in sorted(one.keys() | other.keys()):
        derived = name.endswith(("lm_head.weight", "rotary_emb.inv_freq"))
        if one.get(name) != other.get(name) and not (derived and (name in one) != (name in other)):
            return name
    return None


def tensor_files(folder: Path | str) -> dict[str, Any]:
    """Name of each of a folder's tensors -> handle of the file that has it."""
    return {
        name: handle
        for _, handle in _opened(folder)
        for name in handle.keys()  # noqa: SIM118
    }


def _opened(folder: Path | str) -> Iterator[tuple[Path, Any]]:
    from safetensors import SafetensorError, safe_open

    for file in weight_files(folder):
        try:
            yield file, safe_open(file, framework="pt")
        except (SafetensorError, OSError) as error:
            raise StudyError(
                f"{file}: not a complete safetensors file ({error}); remove it and train again"
            ) from error


def reference_log_probabilities(
    folder: Path | str, prompts: Sequence[Sequence[int]], dtype: str, trust_remote_code: bool
) -> list[float]:
    """What ``Engine.log_probabilities`` must give, computed by transformers from the files."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, trust_remote_code=trust_remote_code
    )
    values = []
    with torch.inference_mode():
        for prompt in prompts:
            ids = torch.tensor([list(prompt)])
            scores = model(ids).logits[0, :-1].float().log_softmax(-1)
            values += scores.gather(1, ids[0, 1:, None])[:, 0].tolist()
    return values
