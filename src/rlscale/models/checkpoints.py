"""Checkpoints of a cell, and the model that its training starts from, as manifests list them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.manifests import check_owned, read_manifest, verify_files

_REMOVED = "removed after evaluation"  # what manifests say under `weights`


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a cell at one step.

    Attributes:
        step: Rollout batches trained on; 0 is the model that training starts from.
        path: Their folder.
        digest: ``rlscale.models.weights.weights_digest`` of it.
        removed: Whether the weights are gone, because they were evaluated (training.
            checkpoints_on_disk); their samples are kept under the digest.
    """

    step: int
    path: str
    digest: str
    removed: bool = False

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Checkpoint":
        """Read an entry of a manifest's ``checkpoints``; the inverse of ``to_json``."""
        return cls(
            document["step"], document["path"], document["digest"], removed="weights" in document
        )

    def to_json(self) -> dict[str, Any]:
        """The entry of a manifest's ``checkpoints``."""
        entry = {"step": self.step, "path": self.path, "digest": self.digest}
        return entry | ({"weights": _REMOVED} if self.removed else {})


def read_checkpoints(document: Any, where: Path) -> list[Checkpoint]:
    """The checkpoints that a manifest or a pause lists.

    Args:
        document: What it says.
        where: Its file, for messages.

    Raises:
        StudyError: It lists none, or an entry lacks its step, path or digest.
    """
    entries = document.get("checkpoints") if isinstance(document, dict) else None
    kinds = {"step": int, "path": str, "digest": str}
    for entry in entries if isinstance(entries, list) and entries else [None]:
        whole = isinstance(entry, dict) and all(
            isinstance(entry.get(key), kind) for key, kind in kinds.items()
        )
        if not whole:
            raise StudyError(
                f"{where}: lists no checkpoints with step, path and digest; remove it and run again"
            )
    return list(map(Checkpoint.from_json, document["checkpoints"]))


@dataclass(frozen=True)
class Model:
    """A model as its manifest describes it.

    Attributes:
        folder: Where its weights and tokenizer are.
        family: Family of models that share a law.
        n_params: Parameters without embeddings.
        n_params_total: Parameters with embeddings.
        n_params_nominal: The number on the box, if it was stated.
        trust_remote_code: Whether the Python files in the folder may run.
    """

    folder: str
    family: str
    n_params: int
    n_params_total: int
    n_params_nominal: float | None
    trust_remote_code: bool = False


def read_model(manifest: Path, *, verify: bool = True, trusted: bool = False) -> Model:
    """Read a model's manifest and check its files, which must be all that its folder holds.

    Args:
        manifest: Its path.
        verify: Whether to read the files; of processes that train together, one does.
        trusted: Whether the study's configuration lets the model's own Python files run.

    Raises:
        StudyError: The manifest or a file that it names is damaged, or a file is not named.
    """
    read = read_manifest(manifest, "model")
    if verify:
        verify_files(read)
        check_owned(read, read["weights"])
    sizes = {key: read[key] for key in ("family", "n_params", "n_params_total", "n_params_nominal")}
    return Model(read["weights"], **sizes, trust_remote_code=trusted)
