"""Model folders from elsewhere: which files are the model, and whether they are all of it.

Libraries load what fits and make up the rest: a tensor that is missing, or named otherwise, becomes
random numbers with a note in the log. So every tensor is accounted for before anything runs.
"""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.files import read_json
from rlscale.models.trial import try_model

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_SUFFIXES = (".json", ".txt", ".jinja", ".model")
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_SHOWN = 3
_LARGEST = 1 << 28  # bytes of a file that holds no weights; tokenizers of 256,000 words have 34 MB
# What wrappers put before the names of the tensors of the model within.
_PREFIXES = {
    "_orig_mod.": "saved from a compiled model",
    "base_model.model.": "saved from a model with adapters; merge them (merge_and_unload)",
    "module.": "saved from a distributed wrapper",
}


def copy_model(origin: Path, part: Path, trusted: bool) -> None:
    """Copy the files of a model: weights from safetensors only, its own code only if trusted.

    Raises:
        StudyError: No weights, no tokenizer, more than one set of weights, a link out of there, or
            more than the disk has room for.
    """
    weights = _weight_set(origin)
    if not any((origin / name).exists() for name in ("tokenizer.json", "tokenizer_config.json")):
        raise StudyError(f"{origin}: no tokenizer (tokenizer.json) in the model's folder")
    if (origin / "adapter_config.json").exists():
        raise StudyError(
            f"{origin}: holds adapters (adapter_config.json), which training and vLLM would treat "
            "differently; merge them into the model first"
        )
    suffixes = (*_SUFFIXES, ".py") if trusted else _SUFFIXES
    taken = [path for path in origin.iterdir() if path.suffix in suffixes or path.name in weights]
    for path in taken:
        _check_file(origin, path, None if path.name in weights else _LARGEST)
    size = sum(path.stat().st_size for path in taken)
    free = shutil.disk_usage(part).free
    if size > free:
        raise StudyError(
            f"{origin}: a copy takes {size / 2**30:.1f} GiB, and {part.parent} has "
            f"{free / 2**30:.1f} free; make room there"
        )
    for path in taken:
        shutil.copyfile(path, part / path.name)


def _check_file(origin: Path, path: Path, largest: int | None = _LARGEST) -> None:
    """Refuse what is no file of the model's own: a link out of its folder would copy a private one.

    In a hub's cache, ``snapshots/<revision>/`` holds links to ``blobs/`` beside it.
    """
    if not path.name.isprintable():
        raise StudyError(f"{origin}: {path.name!r} is no name of a model's file; remove it")
    within = origin.resolve()
    if within.parent.name == "snapshots":
        within = within.parent.parent
    leads_to = path.resolve()
    if not leads_to.is_relative_to(within):
        raise StudyError(
            f"{path}: a link to {leads_to}, outside the model's folder; put the file itself there"
        )
    if not leads_to.is_file():
        raise StudyError(f"{path}: no regular file; remove it from the model's folder")
    if largest is not None and path.stat().st_size > largest:
        raise StudyError(
            f"{path}: {path.stat().st_size} bytes, more than any model has beside its weights "
            f"({largest}); remove it from the model's folder"
        )


def _weight_set(origin: Path) -> set[str]:
    """Names of the files that hold the weights: training and vLLM must read the same."""
    found = {path.name for path in origin.glob("*.safetensors")}
    if not found:
        raise StudyError(f"{origin}: no *.safetensors file; other formats can run code")
    if (origin / _INDEX).exists():
        named = set(_weight_map(origin).values())
        if named - found:
            raise StudyError(
                f"{origin}: {_INDEX} names {min(named - found)}, which is not there; fetch it again"
            )
        if _WEIGHTS in found - named:
            raise StudyError(
                f"{origin}: two sets of weights, {_WEIGHTS} and those of {_INDEX}; remove one"
            )
        return named
    if found != {_WEIGHTS}:
        raise StudyError(
            f"{origin}: {', '.join(sorted(found)[:_SHOWN])} without {_INDEX}: training would read "
            f"{_WEIGHTS}, vLLM all of them; leave one set of weights there, under that name"
        )
    return found


def _is_name(value: object) -> bool:
    """Whether a value of a file names a file of its folder."""
    return isinstance(value, str) and Path(value).name == value


def _weight_map(origin: Path) -> dict[str, str]:
    """Tensor -> file, as the index of weights in several files has it; each tensor once."""
    from safetensors import SafetensorError, safe_open

    index = origin / _INDEX
    _check_file(origin, index)
    content = read_json(index)
    named = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named or not all(map(_is_name, named.values())):
        raise StudyError(
            f"{index}: its weight_map does not lead from tensors to files of this folder; fetch it "
            "again"
        )
    place: dict[str, str] = {}
    for name in sorted({name for name in named.values() if (origin / name).is_file()}):
        _check_file(origin, origin / name, None)
        try:
            with safe_open(origin / name, framework="pt") as file:
                tensors = list(file.keys())
        except (SafetensorError, OSError) as error:
            raise StudyError(f"{origin / name}: not a whole safetensors file ({error})") from None
        for tensor in tensors:
            if place.setdefault(tensor, name) != name:
                raise StudyError(
                    f"{origin}: {place[tensor]} and {name} both hold {tensor!r}, and libraries "
                    "differ in which they take; fetch it again"
                )
    return named


def load_model(folder: Path, name: str, trusted: bool) -> "PreTrainedModel":
    """Load tokenizer and weights once: what does not fit is found here, not in a cell.

    Raises:
        StudyError: The folder needs code that is not trusted, cannot be loaded, or holds more than
            a language model; tensors are missing, left over or of other shapes, not finite, or
            tied by name and not in fact; the tokenizer has ids that the embedding has not.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    code = _named_code(folder)
    elsewhere = [name for name in code if "--" in name]
    if trusted and elsewhere:
        raise StudyError(
            f"{name}: its auto_map names code of another repository ({elsewhere[0]}), which no "
            "revision pins; put those files into the model's own folder"
        )
    try:
        try_model(folder, trusted)
        _check_language_alone(name, AutoConfig.from_pretrained(folder, trust_remote_code=trusted))
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted)
        network, found = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype="auto",
            use_safetensors=True,
            trust_remote_code=trusted,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by name
        )
    except StudyError:
        raise
    except Exception as error:  # of many kinds, of several packages
        if code and not trusted:
            raise StudyError(
                f"{name}: needs Python code of its own ({code[0]}), which is not run unasked. Read "
                "the model's *.py files, then set trust_remote_code: true beside its hub or folder "
                "in the configuration's models; or take a model of transformers' own classes"
            ) from None
        raise StudyError(f"{name}: the model in {folder} cannot be loaded ({error})") from None
    _check_tensors(name, found)
    _check_values(name, network)
    _check_tokenizer(name, network, tokenizer)
    return network


def _check_language_alone(name: str, config: "PretrainedConfig") -> None:
    """Parts for images or sound would count in N, and get lost on the way to the evaluation."""
    if config.get_text_config() is not config:
        raise StudyError(
            f"{name}: its language model is a part of a {config.model_type} (text_config in "
            "config.json), which sees or hears too; keep its language part alone "
            "(docs/training.md, Models from elsewhere) and name that folder"
        )


def _check_tensors(name: str, found: dict[str, Any]) -> None:
    """Every tensor of the model comes from the files, and every one of the files is used."""
    missing, unexpected = sorted(found["missing_keys"]), sorted(found["unexpected_keys"])
    mismatched = [
        f"{key} ({tuple(there)} in the file, {tuple(wanted)} in the model)"
        for key, there, wanted in sorted(found["mismatched_keys"])
    ]
    wrong = [
        f"{len(keys)} {what}: {_some(keys)}"
        for what, keys in (
            ("missing", missing),
            ("left over", unexpected),
            ("of another shape", mismatched),
        )
        if keys
    ]
    if wrong:
        hints = [hint for prefix, hint in _PREFIXES.items() if _all_start(unexpected, prefix)]
        raise StudyError(
            f"{name}: tensors of the files and of the model that config.json describes do not "
            f"agree: {'; '.join(wrong)}; missing ones would be random numbers"
            + (f" (the files' were {hints[0]})" if hints else "")
        )


def _check_values(name: str, network: "PreTrainedModel") -> None:
    import torch

    config = network.config.get_text_config()
    if config.tie_word_embeddings and not network.all_tied_weights_keys:
        raise StudyError(
            f"{name}: config.json ties the output head to the embedding, and the files hold two "
            "different ones: training would use both, vLLM one; set tie_word_embeddings to false "
            "there, or remove the head"
        )
    for key, value in network.named_parameters():
        if not torch.isfinite(value).all():
            raise StudyError(f"{name}: tensor {key} holds numbers that are not finite")


def _check_tokenizer(
    name: str, network: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase"
) -> None:
    rows = network.get_input_embeddings().weight.shape[0]
    largest = max(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    if largest[1] >= rows:
        raise StudyError(
            f"{name}: the tokenizer has a token {largest[0]!r} with id {largest[1]}, the model's "
            f"embedding has {rows} rows; take the tokenizer that the model came with, or resize "
            "the embedding"
        )


def _some(keys: list[str]) -> str:
    more = "" if len(keys) <= _SHOWN else ", ..."
    return ", ".join(keys[:_SHOWN]) + more


def _all_start(keys: Collection[str], prefix: str) -> bool:
    return bool(keys) and all(key.startswith(prefix) for key in keys)


def _named_code(folder: Path) -> list[str]:
    """Classes that a model's ``auto_map`` wants from Python files, e.g. ``modeling_x.XModel``."""
    named: list[str] = []
    for path in (folder / "config.json", folder / "tokenizer_config.json"):
        content = read_json(path) if path.exists() else {}
        classes = content.get("auto_map", {}) if isinstance(content, dict) else None
        if not isinstance(classes, dict):
            raise StudyError(f"{path}: no object of keys and values, or its auto_map is none")
        for value in classes.values():
            items = [item for item in (value if isinstance(value, list) else [value]) if item]
            if not all(isinstance(item, str) for item in items):
                raise StudyError(f"{path}: its auto_map does not lead to names of classes")
            named += items
    return named
