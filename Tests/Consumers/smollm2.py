"""A model file of SmolLM2 as transformers builds it."""

import h5py
import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

from exports import expect


def read_model(path):
    """The Hugging Face configuration, the float32 weights by name and the tokenizer of a model file."""
    with h5py.File(path) as file:
        attributes = {
            key: value.decode() if isinstance(value, bytes) else getattr(value, "item", lambda: value)()
            for key, value in file["config"].attrs.items()
        }
        weights = {name: torch.from_numpy(data.astype(np.float32)[()]) for name, data in file["weights"].items()}
        tokenizer = Tokenizer.from_str(bytes(file["tokenizer/tokenizer.json"][()]).decode())
    return attributes, weights, tokenizer


def build(attributes, weights):
    """The transformers model of that configuration; every weight must find its place."""
    keys = {key: value for key, value in attributes.items() if key not in ("model_type", "architectures")}
    config = AutoConfig.for_model(attributes["model_type"], **keys)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").to(torch.float32)
    found = model.load_state_dict(weights, strict=False)
    expect(
        not found.unexpected_keys and set(found.missing_keys) <= {"lm_head.weight"},
        f"weights did not load: {found}",
    )
    model.tie_weights()
    return model.eval()
