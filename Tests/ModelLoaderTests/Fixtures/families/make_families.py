"""Makes the tiny checkpoints of this folder with Hugging Face transformers (5.23, torch 2.13), the reference.

    python make_families.py

Each folder is what `save_pretrained` writes, with random weights (norms and biases too, so that none can
be forgotten unseen), token ids, and what transformers computes from them in float32: the hidden states
after the final norm, and the logits. Only needed to make the fixtures again.
"""

from pathlib import Path

import numpy as np
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

HERE = Path(__file__).resolve().parent
SIZES = dict(
    vocab_size=96,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
)
TOKENS = 160

llama3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,  # so that 160 positions are beyond it
}
plain = {"rope_type": "default", "rope_theta": 10000.0}
FAMILIES = {
    # bfloat16 and untied, as Llama 3.1 8B.
    "llama-3.1": (LlamaForCausalLM, LlamaConfig, dict(rope_parameters=llama3), torch.bfloat16),
    # Heads that do not add up to the hidden size, as Mistral Nemo.
    "mistral": (
        MistralForCausalLM,
        MistralConfig,
        dict(rope_parameters=plain, head_dim=12, sliding_window=None),
        torch.float32,
    ),
    # Biases and tied embeddings, as Qwen2.5 0.5B.
    "qwen2": (
        Qwen2ForCausalLM,
        Qwen2Config,
        dict(rope_parameters=plain, tie_word_embeddings=True),
        torch.float16,
    ),
    # Norms of each head.
    "qwen3": (
        Qwen3ForCausalLM,
        Qwen3Config,
        dict(rope_parameters=plain, head_dim=16, tie_word_embeddings=True),
        torch.float32,
    ),
}


def make(name, model_class, config_class, options, dtype):
    """One family's folder."""
    torch.manual_seed(sum(name.encode()))
    model = model_class(config_class(**SIZES, **options)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn_like(parameter)
            if parameter.dim() == 1:
                parameter.copy_(noise * 0.2 + (0 if parameter.eq(0).all() else 1))
            else:
                parameter.copy_(noise * parameter.shape[1] ** -0.5)
    folder = HERE / name
    model.to(dtype).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    # The reference computes in float32 from the stored weights.
    model = model_class.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.randint(0, SIZES["vocab_size"], (1, TOKENS))
    with torch.no_grad():
        hidden = model.model(ids).last_hidden_state
        logits = model.lm_head(hidden[:, -8:])
    np.save(folder / "ids.npy", ids[0].numpy().astype(np.int32))
    np.save(folder / "hidden.npy", hidden[0].numpy())
    np.save(folder / "logits.npy", logits[0].numpy())


for family, settings in FAMILIES.items():
    make(family, *settings)
