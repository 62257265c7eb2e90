"""A GGUF file, as packages and llama.cpp carry models, made into a folder that a study takes.

Weights that were quantised stay rounded as they were; only their format becomes float32.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256, modes_by_umask, new_folder, write_json
from rlscale.models.folders import load_model
from rlscale.models.trial import try_model

ORIGIN = "origin.json"


def unpack(file: Path, folder: Path) -> None:
    """Write a model's safetensors, configuration and tokenizer, and where they come from.

    ``origin.json`` holds the file's name and sha256, and the name, licence and number formats that
    the file states; a study's manifest keeps it with the weights.

    Args:
        file: The GGUF file.
        folder: Folder to fill; it appears whole or not at all.

    Raises:
        StudyError: No such file, one that transformers cannot read, or no package ``gguf``.
    """
    if not file.is_file():
        raise StudyError(f"{file}: no such file; `make real-model` fetches the one that we use")
    if find_spec("gguf") is None:
        raise StudyError(
            "to read a GGUF file the package gguf is needed: `make real-model` has it from "
            "requirements/real.txt, or `uv pip install gguf`"
        )
    part = folder.with_name(f".{folder.name}.part")
    new_folder(part)
    _write_model(file, part)
    write_json(part / ORIGIN, {"file": file.name, "sha256": file_sha256(file), **_stated(file)})
    load_model(part, folder.name, trusted=False)
    modes_by_umask(part)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)


def _write_model(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        try_model(file.parent, trusted=False, gguf_file=file.name)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        read = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32
        )
    except StudyError:
        raise
    except Exception as error:  # of many kinds, of several packages
        raise StudyError(f"{file}: transformers cannot read it ({error})") from None
    for key in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(read.config, key):
            delattr(read.config, key)
    model = type(read)(read.config)  # one that does not take itself for a quantised one
    model.load_state_dict(read.state_dict(), strict=True)
    model.tie_weights()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _stated(file: Path) -> dict[str, str]:
    """Name, licence and number formats, as the file says them."""
    from gguf import GGUFReader

    reader = GGUFReader(file)
    keys = {"name": "general.name", "licence": "general.license"}
    said = {ours: reader.get_field(key) for ours, key in keys.items()}
    formats = sorted({tensor.tensor_type.name for tensor in reader.tensors})
    return {
        **{ours: str(field.contents()) if field else "not stated" for ours, field in said.items()},
        "formats": ", ".join(formats),
    }
