#!/usr/bin/env python3
"""Write a Hugging Face folder with the shapes of a large model and synthetic bfloat16 weights.

    make_large_model.py FOLDER [--shapes llama-3-8b | llama-3-70b | qwen3-30b-a3b] [--layers N] [--holes]

The values are a block of seeded normal numbers, repeated, good for time and memory only. Llama 3 8B takes 16 GB,
Qwen3 30B-A3B, with 128 experts a layer of which a token goes to 8, 1.2 GB a layer (61 GB in all). With --holes the
experts are zeros that take no room on the disk: the model file alone needs 61 GB then, and routers still choose.
`zigzag import FOLDER model.h5` makes a model file of it.
"""

import argparse
import json
import math
import pathlib
import random
import struct

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 128256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
QWEN = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "moe_intermediate_size": 768,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "norm_topk_prob": True,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 151936,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "max_position_embeddings": 40960,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
LARGER_LLAMA = LLAMA | {
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
}
SHAPES = {"llama-3-8b": LLAMA, "llama-3-70b": LARGER_LLAMA, "qwen3-30b-a3b": QWEN}
ONE = b"\x80\x3f"  # 1 as bfloat16


def tensors(config):
    """Yield name and shape of every parameter, layer by layer."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    wide = config["num_attention_heads"] * config["head_dim"]
    narrow = config["num_key_value_heads"] * config["head_dim"]
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        yield prefix + "self_attn.q_proj.weight", (wide, hidden)
        yield prefix + "self_attn.k_proj.weight", (narrow, hidden)
        yield prefix + "self_attn.v_proj.weight", (narrow, hidden)
        yield prefix + "self_attn.o_proj.weight", (hidden, wide)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        if "num_experts" not in config:
            yield from projections(prefix + "mlp.", inner, hidden)
            continue
        head = (config["head_dim"],)
        yield prefix + "self_attn.q_norm.weight", head
        yield prefix + "self_attn.k_norm.weight", head
        yield prefix + "mlp.gate.weight", (config["num_experts"], hidden)
        for expert in range(config["num_experts"]):
            width = config["moe_intermediate_size"]
            yield from projections(f"{prefix}mlp.experts.{expert}.", width, hidden)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (config["vocab_size"], hidden)


def projections(prefix, inner, hidden):
    """Yield those of a feed-forward block."""
    yield prefix + "gate_proj.weight", (inner, hidden)
    yield prefix + "up_proj.weight", (inner, hidden)
    yield prefix + "down_proj.weight", (hidden, inner)


def normal_block(count, scale):
    """`count` normal numbers as bfloat16; an odd count, so that repeats do not line up."""
    source = random.Random(0)
    return b"".join(struct.pack("<f", source.gauss(0, scale))[2:] for _ in range(count))


def write_shard(path, named_shapes, block, is_hole):
    """Write one safetensors file: header length, JSON header, data; holes where `is_hole` says so of a name."""
    header, offset = {}, 0
    for name, shape in named_shapes:
        end = offset + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in named_shapes:
            values = ONE if len(shape) == 1 else block
            left = 2 * math.prod(shape)
            if is_hole(name):
                file.seek(left, 1)
                continue
            while left > 0:
                left -= file.write(values[:left])
        file.truncate()


def main():
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--shapes", choices=SHAPES, default="llama-3-8b")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--holes", action="store_true")
    arguments = parser.parse_args()
    config = SHAPES[arguments.shapes]
    config = config | {"num_hidden_layers": arguments.layers or config["num_hidden_layers"]}
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "config.json").write_text(json.dumps(config, indent=2))
    block = normal_block(2**20 + 1, 0.02)
    shards, size = [[]], 0
    for name, shape in tensors(config):
        if size > 4e9:
            shards.append([])
            size = 0
        shards[-1].append((name, shape))
        size += 2 * math.prod(shape)
    names = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    index = {"metadata": {}, "weight_map": {}}
    for file_name, shard in zip(names, shards):
        write_shard(
            arguments.folder / file_name, shard, block,
            lambda name: arguments.holes and ".experts." in name,
        )
        index["weight_map"].update({name: file_name for name, _ in shard})
    index_path = arguments.folder / "model.safetensors.index.json"
    index_path.write_text(json.dumps(index, indent=1))


if __name__ == "__main__":
    main()
