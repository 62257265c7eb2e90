"""What a model's configuration says of its language part, wherever it stands there."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def text_config(folder: Path | str, trust_remote_code: bool = False) -> "PretrainedConfig":
    """Configuration of the language model in a folder, defaults filled in.

    Models that also see images keep it one level down (``text_config`` in config.json).
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    return config.get_text_config()
