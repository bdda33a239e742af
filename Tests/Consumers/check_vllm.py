"""vLLM: its ModelConfig takes the overrides, and its attention classes give each layer its window.

Without a GPU no model is built: only the parts of an attention layer that need one are replaced, and what
vLLM's class hands to its attention operator is recorded.
"""

import json
import logging
import os
import tempfile
from pathlib import Path
from unittest import mock

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

from torch import nn  # noqa: E402
from transformers import AutoConfig  # noqa: E402
from vllm.config import ModelConfig  # noqa: E402
from vllm.model_executor.models import llama, mistral  # noqa: E402

from exports import expect, export, head_map, layers, report  # noqa: E402

SIZES = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=128,
)
CLASSES = {
    "llama": ("LlamaForCausalLM", llama.LlamaAttention),
    "mistral": ("MistralForCausalLM", mistral.MistralAttention),
}
logging.disable(logging.WARNING)


def configuration(model_type, architecture, overrides):
    """What vLLM makes of a model's config.json and --hf-overrides."""
    folder = tempfile.mkdtemp(prefix="zigzag-vllm-")
    AutoConfig.for_model(model_type, **SIZES, architectures=[architecture]).save_pretrained(folder)
    return ModelConfig(model=folder, hf_overrides=overrides, skip_tokenizer_init=True)


def windows(attention, config):
    """The sliding window that vLLM gives each layer; None is full attention."""
    recorder = mock.Mock(return_value=nn.Identity())
    parts = dict(
        Attention=recorder, QKVParallelLinear=mock.Mock(return_value=nn.Identity()),
        RowParallelLinear=mock.Mock(return_value=nn.Identity()), get_rope=mock.Mock(return_value=nn.Identity()),
        get_tensor_model_parallel_world_size=lambda: 1,
    )
    found = []
    with mock.patch.multiple(llama, **parts):
        for layer in range(config.num_hidden_layers):
            attention(config, 32, 4, 2, prefix=f"model.layers.{layer}.self_attn")
            found.append(recorder.call_args.kwargs["per_layer_sliding_window"])
    return found


for name, (architecture, attention) in CLASSES.items():
    for kinds in ("rsrs", "sssr", "ssss", "rrrr"):
        files = export(head_map(layers(kinds), model_type=name), "vllm")
        overrides = json.loads((files / "hf_overrides.json").read_text())
        parsed = configuration(name, architecture, overrides)
        expect(parsed.get_sliding_window() == 5, f"{name}: the window came as {parsed.get_sliding_window()}")
        found = windows(attention, parsed.hf_text_config)
        expect(
            found == [5 if kind == "s" else None for kind in kinds], f"{name} {kinds}: vLLM's windows are {found}"
        )
report(
    "vllm", ["vllm", "transformers", "torch"],
    "ModelConfig(hf_overrides=…) parses; LlamaAttention and MistralAttention hand each layer its window (no GPU: "
    "nothing is computed)",
)
