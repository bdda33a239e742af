"""Makes the files of this folder with Hugging Face transformers (5.24, torch 2.13), the reference.

    python make_variants.py

Two tiny checkpoints with random weights, and configurations that say something in an unusual place or leave it
out. NAME.json is a configuration, NAME.npy the logits that transformers computes with it, in float32, for the last
tokens of ids.npy. Only needed to make the fixtures again.
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
SIZES = dict(vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=2)
LLAMA = dict(
    SIZES, model_type="llama", num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    rms_norm_eps=1e-5,
)
QWEN3 = dict(
    SIZES, model_type="qwen3", num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64,
    rms_norm_eps=1e-5, tie_word_embeddings=True,
)
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LINEAR = {"type": "linear", "factor": 4.0}
PLAIN = {"rope_type": "default", "rope_theta": 500.0}
# The head of llama.safetensors differs from its embedding, so all of these use it.
LLAMA_VARIANTS = {
    "tied-and-different": dict(tie_word_embeddings=True),
    "scaling-beside-parameters": dict(rope_scaling=LINEAR, rope_parameters=PLAIN, rope_theta=2000.0),
    "empty-scaling": dict(rope_scaling={}, rope_parameters=PLAIN),
    "theta-within-scaling": dict(rope_scaling=LINEAR | {"rope_theta": 500.0}, rope_theta=2000.0),
    "theta-at-the-top": dict(rope_parameters=LINEAR, rope_theta=2000.0),
    "two-types": dict(rope_scaling=LINEAR | {"rope_type": "default"}),
    "unused-factor": dict(rope_scaling={"factor": 4.0}),
    "llama3-context-outside": dict(
        rope_scaling=LLAMA3 | {"original_max_position_embeddings": 16},
        original_max_position_embeddings=8,
    ),
    "llama3-without-context": dict(rope_scaling=LLAMA3),
}
# Without head_dim, which is 128 in this family.
QWEN3_VARIANTS = {
    "qwen3-without-head-dim": {},
    "sliding-switch-without-layers": dict(use_sliding_window=True, sliding_window=4, max_window_layers=2),
    "sliding-switch-full-layers": dict(
        use_sliding_window=True, sliding_window=4, max_window_layers=0, layer_types=["full_attention"] * 2
    ),
}


def weights(heads, key_value_heads, head_dim, norms, head):
    """Random tensors by name."""
    hidden, feed_forward, vocabulary = (SIZES[k] for k in ["hidden_size", "intermediate_size", "vocab_size"])
    tensors = {}

    def add(name, *shape):
        noise = torch.randn(shape)
        tensors[name] = (noise * shape[-1] ** -0.5 if len(shape) > 1 else 1 + noise * 0.2).to(torch.bfloat16)

    add("model.embed_tokens.weight", vocabulary, hidden)
    for layer in range(SIZES["num_hidden_layers"]):
        name = f"model.layers.{layer}."
        for norm in ["input_layernorm", "post_attention_layernorm"]:
            add(name + norm + ".weight", hidden)
        add(name + "self_attn.q_proj.weight", heads * head_dim, hidden)
        add(name + "self_attn.k_proj.weight", key_value_heads * head_dim, hidden)
        add(name + "self_attn.v_proj.weight", key_value_heads * head_dim, hidden)
        add(name + "self_attn.o_proj.weight", hidden, heads * head_dim)
        if norms:
            add(name + "self_attn.q_norm.weight", head_dim)
            add(name + "self_attn.k_norm.weight", head_dim)
        for part in ["gate", "up"]:
            add(name + f"mlp.{part}_proj.weight", feed_forward, hidden)
        add(name + "mlp.down_proj.weight", hidden, feed_forward)
    add("model.norm.weight", hidden)
    if head:
        add("lm_head.weight", vocabulary, hidden)
    return tensors


torch.manual_seed(16)
save_file(weights(4, 2, 4, norms=False, head=True), HERE / "llama.safetensors", {"format": "pt"})
save_file(weights(2, 1, 128, norms=True, head=False), HERE / "qwen3.safetensors", {"format": "pt"})
ids = torch.randint(0, SIZES["vocab_size"], (1, 24))
np.save(HERE / "ids.npy", ids[0].numpy().astype(np.int32))
for base, file, variants in [
    (LLAMA, "llama.safetensors", LLAMA_VARIANTS),
    (QWEN3, "qwen3.safetensors", QWEN3_VARIANTS),
]:
    for name, keys in variants.items():
        with tempfile.TemporaryDirectory() as folder:
            text = json.dumps(base | keys, indent=1) + "\n"
            (HERE / f"{name}.json").write_text(text)
            (Path(folder) / "config.json").write_text(text)
            shutil.copy(HERE / file, Path(folder) / "model.safetensors")
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
            with torch.no_grad():
                np.save(HERE / f"{name}.npy", model(ids).logits[0, -4:].numpy())
