"""kvpress: its DuoAttention press reads an exported table and prunes exactly the streaming heads."""

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from exports import expect, export, head_map, layers, report
from press import press

TOKENS, SINK, RECENT = 20, 3, 5


def tiny():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=64, attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config).eval()


def pruned(model, folder, ratio):
    """Which keys of which heads the press hides after a prompt, (layers, heads, tokens)."""
    with torch.no_grad(), press(model, folder, ratio):
        model(torch.arange(TOKENS)[None])
    hidden = np.zeros((4, 2, TOKENS), dtype=bool)
    for layer, block in enumerate(model.model.layers):
        _, heads, keys = block.self_attn.masked_key_indices
        hidden[layer, heads, keys] = True
    return hidden


def check(full):
    document = head_map(full, group=2)
    folder = export(document, "duo-attention") / "duo-attention-exact"
    hidden = pruned(tiny(), folder, document["sparsity"]["achieved"])
    expected = np.zeros_like(hidden)
    for layer, row in enumerate(full):
        for head, is_full in enumerate(row):
            expected[layer, head, SINK:-RECENT] = not is_full
    expect(np.array_equal(hidden, expected), f"{full}: kvpress hides other keys")


for sample in [layers("rsrs"), layers("sssr"), layers("ssss"), [[True, False], [False, True]] * 2]:
    check(sample)
report(
    "duo-attention", ["kvpress", "transformers", "torch"],
    "DuoAttentionPress with head_compression_ratio = sparsity prunes exactly the streaming heads of the exact "
    "table, all keys but sink and recent; layer maps and a head-mixed one",
)
