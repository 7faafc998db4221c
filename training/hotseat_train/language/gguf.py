"""A GGUF file as a Hugging Face folder: weights in float32, tokenizer, settings."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from hotseat_train.errors import RunError


def unpack(file: Path, folder: Path) -> None:
    """Write the model of `file` into `folder`.

    Weights of 4 or 8 bits are written as the numbers they stand for. Raises `RunError`
    if the file is no model of the Llama kind that transformers reads.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        read = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32
        )
    except (ValueError, KeyError, OSError) as error:
        raise RunError(
            f"{file} is not a GGUF model that can be read: {error}"
        ) from error
    # a model that was read from a GGUF file refuses to be saved: its class anew
    del read.config.quantization_config
    model = type(read)(read.config)
    model.load_state_dict(read.state_dict())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
