"""Makes the tiny checkpoints of this folder with Hugging Face transformers (5.24, torch 2.13), the reference.

    python make_families.py [NAME ...]

Each folder is what `save_pretrained` writes, with random weights (norms and biases too, so that none can
be forgotten unseen), token ids, and what transformers computes from them in float32: the hidden states
after the final norm, and the logits. hidden.npy is of full attention; streaming.npy of all heads in a window
of 4 + 16; mixed.npy of full attention in the first key-value head of every layer and the window in the others.
Layers with a window of their own keep it in all three.
model.gguf has the same values, with the names of the `gguf` package (0.19) and llama.cpp's order of rows. Only
needed to make the fixtures again.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Cohere2Config,
    Cohere2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    Glm4Config,
    Glm4ForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    GraniteMoeConfig,
    GraniteMoeForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    Olmo3Config,
    Olmo3ForCausalLM,
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
scales = dict(
    embedding_multiplier=12.0,
    attention_multiplier=0.2,
    residual_multiplier=0.22,
    logits_scaling=6.0,
)
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
    # Experts in all layers, as llama.cpp has them; their weights add up to 1.
    "qwen3-moe-all": (
        Qwen3MoeForCausalLM,
        Qwen3MoeConfig,
        dict(
            num_hidden_layers=2,
            rope_parameters=plain,
            head_dim=12,
            num_experts=4,
            num_experts_per_tok=3,
            moe_intermediate_size=16,
            norm_topk_prob=True,
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
    GraniteMoeConfig,
    GraniteMoeForCausalLM,
        GraniteConfig,
        dict(
            rope_parameters=plain,
            **scales,
            tie_word_embeddings=True,
        ),
        torch.float32,
    ),
    # The same scales, and experts whose gate and up projections share a tensor.
    "granite-moe": (
        GraniteMoeForCausalLM,
        GraniteMoeConfig,
        dict(
            num_hidden_layers=2,
            intermediate_size=16,
            num_local_experts=4,
            num_experts_per_tok=2,
            rope_parameters=plain,
            **scales,
            tie_word_embeddings=True,
        ),
        torch.float32,
    ),
    # A window of 24 in three of four layers; YaRN in the fourth alone.
    "olmo3": (
        Olmo3ForCausalLM,
        Olmo3Config,
        dict(
            num_hidden_layers=4,
            intermediate_size=16,
            sliding_window=24,
            rope_parameters={
                "full_attention": {**yarn, "rope_theta": 500000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0},
            },
            eos_token_id=2,
            pad_token_id=None,
        ),
        torch.float32,
    ),
    # A window of 24 in every other layer, with a RoPE of its own; norms that multiply by 1 + w around the blocks.
    "gemma3": (
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        dict(
            num_hidden_layers=4,
            layer_types=["sliding_attention", "full_attention"] * 2,
            sliding_window=24,
            head_dim=12,
            query_pre_attn_scalar=12,
            rope_parameters={
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
            pad_token_id=None,
        ),
        torch.bfloat16,
    ),
    # Both blocks beside each other behind a LayerNorm; a window of 24, and positions, in three of four layers.
    "cohere2": (
        Cohere2ForCausalLM,
        Cohere2Config,
        dict(
            num_hidden_layers=4,
            sliding_window=24,
            logit_scale=0.25,
            rope_parameters=plain,
            pad_token_id=None,
            bos_token_id=1,
            eos_token_id=2,
        ),
        torch.float32,
    ),
    # Experts with biases, learned sinks, a window of 24 in every other layer.
    "gpt-oss": (
        GptOssForCausalLM,
        GptOssConfig,
        dict(
            num_hidden_layers=2,
            intermediate_size=32,
            head_dim=12,
            num_local_experts=3,
            num_experts_per_tok=2,
            sliding_window=24,
            rope_parameters={**yarn, "rope_theta": 150000.0, "truncate": False},
            pad_token_id=None,
            eos_token_id=2,
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


# Models that also see, with an eye as small as it may be.
TEXT = {**SIZES, "num_hidden_layers": 2}
PARTS = {
    "qwen2.5-vl": (
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLConfig,
        dict(
            text_config=dict(
                **TEXT,
                rope_parameters={
                    "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]
                },
                bos_token_id=1,
                eos_token_id=2,
            ),
            vision_config=dict(
                depth=1, hidden_size=16, intermediate_size=16, num_heads=2, out_hidden_size=32,
                fullatt_block_indexes=[0],
            ),
        ),
    ),
    "qwen3-vl": (
        Qwen3VLForConditionalGeneration,
        Qwen3VLConfig,
        dict(
            text_config=dict(
                **TEXT,
                head_dim=8,
                rope_parameters={
                    "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1],
                    "mrope_interleaved": True,
                },
                bos_token_id=1,
                eos_token_id=2,
            ),
            vision_config=dict(
                depth=1, hidden_size=16, intermediate_size=16, num_heads=2, out_hidden_size=32,
                deepstack_visual_indexes=[0], num_position_embeddings=16,
            ),
            tie_word_embeddings=True,
        ),
    ),
    "gemma3-vision": (
        Gemma3ForConditionalGeneration,
        Gemma3Config,
        dict(
            text_config=dict(
                **TEXT,
                head_dim=8,
                sliding_window=24,
                layer_types=["sliding_attention", "full_attention"],
                pad_token_id=None,
            ),
            vision_config=dict(
                hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
                image_size=28, patch_size=14,
            ),
            mm_tokens_per_image=4,
        ),
    ),
}


def masks(heads, own):
    """Additive masks (1, H, T, T): full, streaming, and full in the first key-value head alone.

    Where layers have a window of `own` tokens, the masks of both kinds of layers.
    """
    query, key = torch.arange(TOKENS)[:, None], torch.arange(TOKENS)[None]
    full = key <= query
    window = full & ((key < SINK) | (query - key < RECENT))
    first = torch.arange(heads)[:, None, None] < heads // SIZES["num_key_value_heads"]
    choices = {"hidden": full, "streaming": window, "mixed": torch.where(first, full, window)}
    lowest = torch.finfo(torch.float32).min

    def mask(seen):
        return torch.where(seen, 0.0, lowest).expand(1, heads, TOKENS, TOKENS)

    if own is None:
        return {name: mask(seen) for name, seen in choices.items()}
    sliding = mask(full & (query - key < own))
    return {
        name: {"full_attention": mask(seen), "sliding_attention": sliding}
        for name, seen in choices.items()
    }


# llama.cpp's architecture, and whether its converter reorders rows of queries and keys. Every fourth layer of its
# smollm3 is without positions, which no key states.
GGUF = {
    "qwen3-moe-all": ("qwen3moe", False),
    "mixtral": ("llama", True),
    "smollm3": ("smollm3", True),
    "phi3-long": ("phi3", False),
    "olmo2": ("olmo2", False),
    "granite": ("granite", True),
    "granite-moe": ("granitemoe", True),
    "glm4": ("glm4", False),
    "olmo3": ("olmo2", False),
    "gemma3": ("gemma3", False),
    "cohere2": ("cohere2", False),
    "gpt-oss": ("gpt-oss", False),
}
# Those with windows of their own in some layers.
WINDOWED = {"olmo3", "gemma3", "cohere2", "gpt-oss"}


def reordered(weight, heads):
    """Rows of each head with those next to each other that RoPE turns together."""
    rows = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def make_gguf(folder, name, model):
    """The model in the form of llama.cpp's converter, in float32."""
    architecture, reorders = GGUF[name]
    c = model.config
    head_dim = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    rope = c.rope_parameters.get("full_attention", c.rope_parameters)
    writer = gguf.GGUFWriter(folder / "model.gguf", architecture)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    if name == "cohere2":
        writer.add_layer_norm_eps(c.layer_norm_eps)
        writer.add_logit_scale(c.logit_scale)
    else:
        writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1)))
    if name in WINDOWED:
        writer.add_sliding_window(c.sliding_window)
        writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in c.layer_types])
    if head_dim * c.num_attention_heads != c.hidden_size:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
    if name.startswith("granite"):
        writer.add_attention_scale(c.attention_multiplier)
        writer.add_embedding_scale(c.embedding_multiplier)
        writer.add_residual_scale(c.residual_multiplier)
        writer.add_logit_scale(c.logits_scaling)
    if name == "gpt-oss":
        writer.add_expert_feed_forward_length(c.intermediate_size)
    if name == "qwen3-moe-all":
        writer.add_expert_feed_forward_length(c.moe_intermediate_size)
    if name in ("mixtral", "gpt-oss", "granite-moe", "qwen3-moe-all"):
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
    if name == "gpt-oss":
        tensors = {
            key: value.transpose(1, 2) if key.endswith(("down_proj", "gate_up_proj")) else value
            for key, value in tensors.items()
        }
        for key in [key for key in tensors if "gate_up_proj" in key]:
            # Gate and up take turns.
            value = tensors.pop(key)
            for first, part in enumerate(("gate", "up")):
                tensors[key.replace("gate_up", part)] = value[:, first::2]
    for key in [key for key in tensors if key.endswith("experts.gate_up_proj")]:
        # transformers holds both side by side.
        gate, up = tensors.pop(key).chunk(2, dim=1)
        tensors |= {key.replace("gate_up", "gate"): gate, key.replace("gate_up", "up"): up}
    for key, value in tensors.items():
        if key == "lm_head.weight" and c.tie_word_embeddings:
            continue
        array = value.numpy().astype(np.float32)
        if name == "gemma3" and key.endswith("norm.weight"):
            array = array + 1
        heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}
        for part, count in heads.items():
            if reorders and part in key:
                array = reordered(array, count)
        if ".experts." in key:
            layer, kind = key.split(".")[2], key.split(".")[-1].removesuffix("_bias")
            suffix = "bias" if key.endswith("_bias") else "weight"
            gguf_name = f"blk.{layer}.ffn_{kind.removesuffix('_proj')}_exps.{suffix}"
        elif ".router." in key:
            gguf_name = f"blk.{key.split('.')[2]}.ffn_gate_inp.{key.split('.')[-1]}"
        elif name == "gpt-oss" and "post_attention_layernorm" in key:
            gguf_name = f"blk.{key.split('.')[2]}.post_attention_norm.weight"
        elif key.endswith("self_attn.sinks"):
            gguf_name = f"blk.{key.split('.')[2]}.attn_sinks.weight"
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


def randomise(model):
    """Random weights, norms and biases too."""
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn_like(parameter)
            if parameter.dim() == 1:
                parameter.copy_(noise * 0.2 + (0 if parameter.eq(0).all() else 1))
            else:
                parameter.copy_(noise * parameter.shape[1] ** -0.5)


def make_part(name, model_class, config_class, options):
    """A model of several parts, and what its text part makes of text."""
    torch.manual_seed(sum(name.encode()))
    model = model_class(config_class(**options)).eval()
    randomise(model)
    folder = HERE / name
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = model_class.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ids = torch.randint(3, SIZES["vocab_size"], (1, TOKENS))
    np.save(folder / "ids.npy", ids[0].numpy().astype(np.int32))
    with torch.no_grad():
        result = model.eval()(ids, output_hidden_states=True)
    np.save(folder / "hidden.npy", result.hidden_states[-1][0].numpy())
    np.save(folder / "logits.npy", result.logits[0, -8:].numpy())


def make_mxfp4():
    """The gpt-oss of this folder with experts in MXFP4 blocks of random bits."""
    folder = HERE / "gpt-oss-mxfp4"
    model = GptOssForCausalLM.from_pretrained(
        HERE / "gpt-oss", dtype=torch.bfloat16, attn_implementation="eager"
    ).eval()
    torch.manual_seed(4)
    values = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
    stored = {name: weight.clone() for name, weight in model.state_dict().items()}
    widened = {}
    for name in [name for name in stored if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, inputs, outputs = stored.pop(name).shape
        blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8)
        scales = torch.randint(122, 126, (experts, outputs, inputs // 32), dtype=torch.uint8)
        stored |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
        # Neighbours share a byte, the lower four bits first.
        pairs = torch.stack([values[(blocks & 15).long()], values[(blocks >> 4).long()]], -1)
        whole = pairs.flatten(-2) * torch.exp2(scales.float() - 127)[..., None]
        widened[name] = whole.flatten(-2).transpose(1, 2)
    folder.mkdir(exist_ok=True)
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((HERE / "gpt-oss" / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "mxfp4"}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    state = {name: weight.float() for name, weight in {**model.state_dict(), **widened}.items()}
    model = GptOssForCausalLM._from_config(model.config, attn_implementation="eager").eval().float()
    model.load_state_dict(state)
    ids = torch.randint(0, SIZES["vocab_size"], (1, TOKENS))
    np.save(folder / "ids.npy", ids[0].numpy().astype(np.int32))
    with torch.no_grad():
        np.save(folder / "hidden.npy", model.model(ids).last_hidden_state[0].numpy())


def make_fp8():
    """A Qwen3 with weights in FP8 and a factor for each block of 16 × 12, as DeepSeek's and Qwen's FP8 checkpoints."""
    torch.manual_seed(8)
    model = Qwen3ForCausalLM(
        Qwen3Config(**{**TEXT, "rope_parameters": plain, "head_dim": 8, "tie_word_embeddings": True})
    ).eval()
    randomise(model)
    folder = HERE / "fp8"
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    rows, columns = 16, 12
    stored, widened = {}, {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        if not name.endswith("proj.weight"):
            stored[name] = weight.clone()
            continue
        height, width = weight.shape
        count = (-(-height // rows), -(-width // columns))
        factors = torch.empty(count)
        whole = weight.float()
        for i in range(count[0]):
            for j in range(count[1]):
                block = whole[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
                factors[i, j] = block.abs().max() / 448
        spread = factors.repeat_interleave(rows, 0)[:height].repeat_interleave(columns, 1)[:, :width]
        stored[name] = (whole / spread).to(torch.float8_e4m3fn)
        stored[f"{name}_scale_inv"] = factors
        widened[name] = (stored[name].float() * spread).to(torch.bfloat16)
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
        "weight_block_size": [rows, columns], "modules_to_not_convert": ["lm_head"],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    # A new model, since bfloat16 has rounded the frequencies of this one's RoPE.
    state = {name: weight.float() for name, weight in {**model.state_dict(), **widened}.items()}
    model = Qwen3ForCausalLM(model.config).eval()
    model.load_state_dict(state)
    ids = torch.randint(0, SIZES["vocab_size"], (1, TOKENS))
    np.save(folder / "ids.npy", ids[0].numpy().astype(np.int32))
    with torch.no_grad():
        np.save(folder / "hidden.npy", model.model(ids).last_hidden_state[0].numpy())


def make(name, model_class, config_class, options, dtype):
    """One family's folder."""
    torch.manual_seed(sum(name.encode()))
    model = model_class(config_class(**{**SIZES, **options})).eval()
    randomise(model)
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
        own = model.config.sliding_window if name in WINDOWED else None
        for pattern, mask in masks(SIZES["num_attention_heads"], own).items():
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
for part, settings in PARTS.items():
    if len(sys.argv) == 1 or part in sys.argv[1:]:
        make_part(part, *settings)
if len(sys.argv) == 1 or "gpt-oss-mxfp4" in sys.argv[1:]:
    make_mxfp4()
if len(sys.argv) == 1 or "fp8" in sys.argv[1:]:
    make_fp8()
