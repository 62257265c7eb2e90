"""Weights that cells start from: made from scratch, fetched from a hub, or found in a folder."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.files import modes_by_umask, new_folder
from rlscale.core.manifests import Provenance, mark_of, write_manifest
from rlscale.jobs import finished
from rlscale.models.checkpoints import read_model
from rlscale.models.corpus import read_pairs
from rlscale.models.folders import copy_model, load_model
from rlscale.models.tiny import (
    character_tokenizer,
    fine_tune,
    new_model,
    parameter_counts,
    pretrain,
)


def make_model(
    *,
    identity: Mapping[str, Any],
    settings: Mapping[str, Any],
    corpus: Path | None,
    base: Path | None,
    weights: Path,
    state: Path,
    manifest: Path,
) -> None:
    """Put a model's weights and tokenizer into a folder and describe them in a manifest.

    Args:
        identity: ``model``, ``family``, ``n_params_nominal`` (or None).
        settings: ``variant``, ``source`` (``made``, ``hub`` and ``revision``, or ``folder``; the
            latter two with ``trust_remote_code``) and, for made models, ``pretraining`` and
            ``fine_tuning``.
        corpus: Manifest of what a made model is trained on (``rlscale.models.corpus``).
        base: Manifest of the base model, for a made instruct model.
        weights: Folder to fill; it appears whole or not at all.
        state: Folder that keeps the manifest of a made model, for a run that asks for it again.
        manifest: Where the manifest goes.

    Raises:
        StudyError: The folder or the hub's snapshot is not a usable model.
    """
    name = f"{identity['model']}-{settings['variant']}"
    source = settings["source"]
    trusted = source.get("trust_remote_code", False)
    given = {"corpus": corpus, "base": base}
    provenance = Provenance(
        "rlscale.models.sources",
        settings,
        {name: path for name, path in given.items() if path is not None},
        seed=settings.get("pretraining", {}).get("seed"),
    )
    mark = mark_of({**settings, "identity": identity}, provenance.inputs)
    if "made" in source and finished.restore(state, mark, {"manifest": manifest}):
        print(f"{name}: made before; its manifest is put back")
        return
    part = weights.with_name(f".{weights.name}.part")
    new_folder(part)
    facts = _fill(part, settings, corpus, base)
    network = load_model(part, name, trusted)
    modes_by_umask(part)
    shutil.rmtree(weights, ignore_errors=True)
    os.replace(part, weights)
    write_manifest(
        manifest,
        provenance,
        kind="model",
        name=name,
        files=weights.iterdir(),
        family=identity["family"],
        n_params_nominal=identity["n_params_nominal"],
        weights=str(weights),
        trust_remote_code=trusted,
        **{**parameter_counts(network), **facts},
    )
    finished.keep(state, mark, {"manifest": manifest})


def _fill(
    folder: Path, settings: Mapping[str, Any], corpus: Path | None, base: Path | None
) -> dict[str, Any]:
    """Put weights and tokenizer into a folder; what there is to be said of how they were made."""
    source = settings["source"]
    if "made" not in source:
        trusted = source.get("trust_remote_code", False)
        copy_model(_locate(source, trusted), folder, trusted)
        return {}
    assert corpus is not None, "the rule gives what a made model learns"
    pairs = read_pairs(corpus)
    if settings["variant"] == "base":
        return {"pretraining_loss": _make_base(source["made"], settings, pairs, folder)}
    assert base is not None, "the rule gives an instruct model its base"
    fine_tune(Path(read_model(base).folder), folder, settings["fine_tuning"], pairs)
    return {}


def _make_base(
    architecture: Mapping[str, int],
    settings: Mapping[str, Any],
    pairs: Sequence[tuple[str, str]],
    folder: Path,
) -> float:
    import torch

    torch.set_num_threads(1)
    tokenizer = character_tokenizer()
    how = settings["pretraining"]
    by_inputs = how.get("parametrization") == "fan_in"
    network = new_model(
        architecture, tokenizer, how["seed"], how["reference_width"] if by_inputs else None
    )
    loss = pretrain(network, tokenizer, how, pairs)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return round(loss, 6)


def _locate(source: Mapping[str, Any], trusted: bool) -> Path:
    if "folder" in source:
        folder = Path(source["folder"])
        if not folder.is_dir():
            raise StudyError(f"{folder}: the model's folder does not exist")
        return folder
    from huggingface_hub import constants, snapshot_download

    patterns = ["*.json", "*.safetensors", "*.txt", "*.jinja", "tokenizer.model"]
    patterns += ["*.py"] if trusted else []
    try:
        return Path(
            snapshot_download(
                source["hub"],
                revision=source["revision"],
                allow_patterns=patterns,
                local_files_only=constants.HF_HUB_OFFLINE,  # a commit it would look up even then
            )
        )
    except Exception as error:  # the hub's client raises many kinds, of several packages
        raise StudyError(
            f"{source['hub']} at {source['revision']}: cannot be fetched ({error}); fetch it "
            "beforehand where there is a network, or name a local folder"
        ) from error
