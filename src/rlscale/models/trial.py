"""A model's folder from elsewhere, tried in a process that may take little.

Libraries do what such files say: a size of 10^12 is allocated, a tokenizer's replacement that makes
two signs of one is applied forty times. In the tried process that ends at a limit, and costs no
more than that; what is only broken says so in the library's words.
"""

import contextlib
import faulthandler
import multiprocessing
import os
import resource
import string
from multiprocessing.connection import Connection
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.limits import data_bytes, lower_limit

_SECONDS = 120  # of CPU time; the largest models that there are take some 10
_MEMORY = 4 << 30  # bytes beyond what the process has; their tokenizers take 1 GiB
_WAIT = 1200.0  # seconds until a process that does nothing is ended
_SWELLS = 10  # numbers for a byte of the weights' files: four bits each are 2
_SMALL = 1 << 28  # numbers that any model may have
_POSITIONS = 1 << 24  # the longest context that there is has 10 million
_WORDS = 300  # signs of a library's message that are shown


def try_model(folder: Path, trusted: bool, gguf_file: str | None = None) -> None:
    """Make a model of the folder's configuration without memory for it, and use its tokenizer once.

    Args:
        folder: Holds weights, configuration and tokenizer.
        trusted: Whether its own Python files may run.
        gguf_file: The file in it that holds all of that, if one does.

    Raises:
        ValueError: A library refused a file; the message says which and why.
        StudyError: A file asks for more time, memory, numbers or positions than a model can.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, folder, trusted, gguf_file))
    process.start()
    theirs.close()
    stage, failure, ended = "config.json", "", False
    with contextlib.suppress(EOFError):
        while ours.poll(_WAIT):
            stage, failure, ended = ours.recv()
    process.kill()
    process.join()
    if failure:
        raise ValueError(f"{stage}: {failure}")
    if not ended:
        raise StudyError(
            f"{folder}: {stage} took {_SECONDS} s of CPU time or {_MEMORY >> 30} GiB of memory to "
            "read, as no model's does, or ended the process that read it; do not use this folder"
        )


def _answer(to: Connection, folder: Path, trusted: bool, gguf_file: str | None) -> None:
    """Try it within the limits, saying what is being read."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # the process that loads it says all of this again
        os.dup2(nowhere, stream)
    faulthandler.disable()
    lower_limit(resource.RLIMIT_DATA, data_bytes() + _MEMORY)
    lower_limit(resource.RLIMIT_CPU, _SECONDS)
    lower_limit(resource.RLIMIT_CORE, 0)
    stage = gguf_file or "config.json"
    try:
        _configuration(folder, trusted, gguf_file)
        stage = gguf_file or "the tokenizer (tokenizer.json, tokenizer_config.json)"
        to.send((stage, "", False))
        _tokenizer(folder, trusted, gguf_file)
        to.send((stage, "", True))
    except MemoryError:
        return
    except Exception as error:  # of any of the libraries
        to.send((stage, f"{type(error).__name__}: {str(error)[:_WORDS]}", False))


def _configuration(folder: Path, trusted: bool, gguf_file: str | None) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    given = {"gguf_file": gguf_file} if gguf_file else {}
    config = AutoConfig.from_pretrained(folder, trust_remote_code=trusted, **given)
    positions = getattr(config.get_text_config(), "max_position_embeddings", 0) or 0
    if positions > _POSITIONS:
        raise ValueError(f"max_position_embeddings {positions} is beyond any model's context")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=trusted)
    numbers = sum(parameter.numel() for parameter in model.parameters())
    files = [folder / gguf_file] if gguf_file else folder.glob("*.safetensors")
    size = sum(file.stat().st_size for file in files)
    if numbers > max(_SMALL, _SWELLS * size):
        raise ValueError(
            f"describes a model of {numbers:.3g} numbers, and its weights have {size} bytes"
        )


def _tokenizer(folder: Path, trusted: bool, gguf_file: str | None) -> None:
    from transformers import AutoTokenizer

    given = {"gguf_file": gguf_file} if gguf_file else {}
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted, **given)
    tokenizer("".join(40 * sign for sign in string.printable))
