"""Makes the tiny checkpoints of this folder with Hugging Face transformers (5.24, torch 2.13), the reference.

    python make_families.py [NAME ...]

Each folder is what `save_pretrained` writes, with random weights (norms and biases too, so that none can
be forgotten unseen), token ids, and what transformers computes from them in float32: the hidden states
after the final norm, and the logits. hidden.npy is of full attention; streaming.npy of all heads in a window
of 4 + 16; mixed.npy of full attention in the first key-value head of every layer and the window in the others.
model.gguf has the same values, with the names of the `gguf` package (0.19) and llama.cpp's order of rows. Only
needed to make the fixtures again.
"""

import sys

from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import (
    Glm4Config,
    Glm4ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
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
SINK, RECENT = 4, 16

llama3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,  # so that 160 positions are beyond it
}
yarn = {
    "rope_type": "yarn",
    "rope_theta": 20000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 128,
    "beta_fast": 4.0,  # so that the ramp lies within the four pairs
    "beta_slow": 0.5,
}
linear = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 3.0}


def longrope(original):
    """LongRoPE over 6 of the 8 features of a head."""
    return {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "partial_rotary_factor": 0.75,
        "original_max_position_embeddings": original,
        "short_factor": [1.0, 1.05, 1.2],
        "long_factor": [1.1, 2.5, 7.25],
    }


plain = {"rope_type": "default", "rope_theta": 10000.0}
FAMILIES = {
    # bfloat16 and untied, as Llama 3.1 8B.
    "llama-3.1": (LlamaForCausalLM, LlamaConfig, dict(rope_parameters=llama3), torch.bfloat16),
    # Heads that do not add up to the hidden size, as Mistral Nemo.
    "mistral": (
        MistralForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
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
    # Experts, and a dense layer between them; weights of a token's experts add up to less than 1.
    "qwen3-moe": (
        Qwen3MoeForCausalLM,
        Qwen3MoeConfig,
        dict(
            rope_parameters=plain,
            head_dim=16,
            num_experts=6,
            num_experts_per_tok=2,
            moe_intermediate_size=16,
            norm_topk_prob=False,
            mlp_only_layers=[1],
        ),
        torch.float32,
    ),
    # Their weights add up to 1.
    "mixtral": (
        MixtralForCausalLM,
        MixtralConfig,
        dict(
            num_hidden_layers=2,
            intermediate_size=16,
            num_local_experts=4,
            num_experts_per_tok=2,
            eos_token_id=2,
        ),
        torch.float32,
    ),
    # Biases of all four projections of attention, and YaRN.
    "llama-biased": (
        LlamaForCausalLM,
        LlamaConfig,
        dict(rope_parameters=yarn, attention_bias=True),
        torch.float32,
    ),
    # Another activation.
    "llama-gelu": (
        LlamaForCausalLM,
        LlamaConfig,
        dict(rope_parameters=linear, hidden_act="gelu_pytorch_tanh"),
        torch.float32,
    ),
    # One of five layers without positions; tied by default.
    "smollm3": (
        SmolLM3ForCausalLM,
        SmolLM3Config,
        dict(
            num_hidden_layers=5,
            no_rope_layers=[1, 1, 1, 0, 1],
            pad_token_id=None,
            bos_token_id=1,
            eos_token_id=2,
        ),
        torch.float32,
    ),
    # Fused projections; the sequence is longer than the original context, then shorter.
    "phi3-long": (
        Phi3ForCausalLM,
        Phi3Config,
        dict(rope_parameters=longrope(64), original_max_position_embeddings=64, pad_token_id=None),
        torch.float32,
    ),
    "phi3-short": (
        Phi3ForCausalLM,
        Phi3Config,
        dict(
            rope_parameters=longrope(256), original_max_position_embeddings=256, pad_token_id=None
        ),
        torch.bfloat16,
    ),
    # Norms behind the blocks, and of whole queries and keys.
    "olmo2": (
        Olmo2ForCausalLM,
        Olmo2Config,
        dict(rope_parameters=plain, eos_token_id=2, pad_token_id=None),
        torch.float32,
    ),
    # Four scales.
    "granite": (
        GraniteForCausalLM,
        GraniteConfig,
        dict(
            rope_parameters=plain,
            embedding_multiplier=12.0,
            attention_multiplier=0.2,
            residual_multiplier=0.22,
            logits_scaling=6.0,
            tie_word_embeddings=True,
        ),
        torch.float32,
    ),
    # Norms around the blocks, biases, neighbours turned in half of each head.
    "glm4": (
        Glm4ForCausalLM,
        Glm4Config,
        dict(
            rope_parameters={**plain, "partial_rotary_factor": 0.5},
            head_dim=8,
            attention_bias=True,
            pad_token_id=None,
            eos_token_id=2,
        ),
        torch.float32,
    ),
}


def masks(heads):
    """Additive masks (1, H, T, T): full, streaming, and full in the first key-value head alone."""
    query, key = torch.arange(TOKENS)[:, None], torch.arange(TOKENS)[None]
    full = key <= query
    window = full & ((key < SINK) | (query - key < RECENT))
    first = torch.arange(heads)[:, None, None] < heads // SIZES["num_key_value_heads"]
    choices = {"hidden": full, "streaming": window, "mixed": torch.where(first, full, window)}
    lowest = torch.finfo(torch.float32).min
    return {
        name: torch.where(seen, 0.0, lowest).expand(1, heads, TOKENS, TOKENS)
        for name, seen in choices.items()
    }


# llama.cpp's architecture, and whether its converter reorders rows of queries and keys. Every fourth layer of its
# smollm3 is without positions, which no key states. Its qwen3moe has no dense layers.
GGUF = {
    "mixtral": ("llama", True),
    "smollm3": ("smollm3", True),
    "phi3-long": ("phi3", False),
    "olmo2": ("olmo2", False),
    "granite": ("granite", True),
    "glm4": ("glm4", False),
}


def reordered(weight, heads):
    """Rows of each head with those next to each other that RoPE turns together."""
    rows = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def make_gguf(folder, name, model):
    """The model in the form of llama.cpp's converter, in float32."""
    architecture, reorders = GGUF[name]
    c = model.config
    head_dim = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    rope = c.rope_parameters
    writer = gguf.GGUFWriter(folder / "model.gguf", architecture)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1)))
    if name == "granite":
        writer.add_attention_scale(c.attention_multiplier)
        writer.add_embedding_scale(c.embedding_multiplier)
        writer.add_residual_scale(c.residual_multiplier)
        writer.add_logit_scale(c.logits_scaling)
    if name == "mixtral":
        writer.add_expert_count(c.num_local_experts)
        writer.add_expert_used_count(c.num_experts_per_tok)
    if rope["rope_type"] == "longrope":
        original = rope["original_max_position_embeddings"]
        scale = c.max_position_embeddings / original
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(scale) / np.log(original))))
        for length in ("long", "short"):
            factors = np.array(rope[f"{length}_factor"], np.float32)
            writer.add_tensor(f"rope_factors_{length}.weight", factors)
    architectures = {value: key for key, value in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(architectures[architecture], c.num_hidden_layers)
    tensors = dict(model.state_dict().items())
    for key in [key for key in tensors if key.endswith("experts.gate_up_proj")]:
        # transformers holds both side by side.
        gate, up = tensors.pop(key).chunk(2, dim=1)
        tensors |= {key.replace("gate_up", "gate"): gate, key.replace("gate_up", "up"): up}
    for key, value in tensors.items():
        if key == "lm_head.weight" and c.tie_word_embeddings:
            continue
        array = value.numpy().astype(np.float32)
        heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}
        for part, count in heads.items():
            if reorders and part in key:
                array = reordered(array, count)
        if ".experts." in key:
            layer, kind = key.split(".")[2], key.split(".")[-1].removesuffix("_proj")
            gguf_name = f"blk.{layer}.ffn_{kind}_exps.weight"
        elif key.endswith("mlp.gate.weight"):
            gguf_name = f"blk.{key.split('.')[2]}.ffn_gate_inp.weight"
        else:
            gguf_name = names.get_name(key, try_suffixes=(".weight", ".bias"))
        assert gguf_name, key
        writer.add_tensor(gguf_name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(name, model_class, config_class, options, dtype):
    """One family's folder."""
    torch.manual_seed(sum(name.encode()))
    model = model_class(config_class(**{**SIZES, **options})).eval()
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
    model = model_class.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = torch.randint(0, SIZES["vocab_size"], (1, TOKENS))
    np.save(folder / "ids.npy", ids[0].numpy().astype(np.int32))
    with torch.no_grad():
        logits = model(ids).logits[:, -8:]
        plain_hidden = model.model(ids).last_hidden_state
        for pattern, mask in masks(SIZES["num_attention_heads"]).items():
            hidden = model.model(ids, attention_mask=mask).last_hidden_state
            if pattern == "hidden":
                assert torch.allclose(hidden, plain_hidden, atol=1e-5), name
            np.save(folder / f"{pattern}.npy", hidden[0].numpy())
    np.save(folder / "logits.npy", logits[0].numpy())
    if name in GGUF:
        make_gguf(folder, name, model)


for family, settings in FAMILIES.items():
    if len(sys.argv) == 1 or family in sys.argv[1:]:
        make(family, *settings)
