"""Writes a model file as GGUF, for llama.cpp.

    make_gguf.py MODEL OUT.gguf [--type f32|f16]

Matrices get the type, norms stay float32, as llama.cpp's own converter has it. There is no
tokenizer in it: the comparisons feed token ids.
"""

import argparse

import numpy as np
from gguf import GGUFWriter

from model import read_model

GLOBAL_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name):
    """llama.cpp's name of a parameter."""
    if name in GLOBAL_NAMES:
        return GLOBAL_NAMES[name]
    _, _, layer, *parts, last = name.split(".")
    return f"blk.{layer}.{LAYER_NAMES['.'.join(parts)]}.{last}"


def interleaved(matrix, head_dim):
    """The rows of q or k in llama.cpp's order: RoPE rotates neighbours, not rows D/2 apart."""
    rows, columns = matrix.shape
    halves = matrix.reshape(rows // head_dim, 2, head_dim // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def add_configuration(writer, sizes):
    """The keys llama.cpp reads."""
    writer.add_context_length(sizes.positions)
    writer.add_embedding_length(sizes.hidden)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.feed_forward)
    writer.add_head_count(sizes.query_heads)
    writer.add_head_count_kv(sizes.key_value_heads)
    writer.add_key_length(sizes.head_dim)
    writer.add_value_length(sizes.head_dim)
    writer.add_rope_dimension_count(sizes.head_dim)
    writer.add_rope_freq_base(sizes.theta)
    writer.add_layer_norm_rms_eps(sizes.epsilon)
    writer.add_vocab_size(sizes.vocabulary)
    writer.add_tokenizer_model("no_vocab")


def main():
    """Converts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--type", choices=["f32", "f16"], default="f32")
    options = parser.parse_args()
    sizes, weights = read_model(options.model)
    matrix_type = np.float32 if options.type == "f32" else np.float16
    writer = GGUFWriter(options.out, "llama")
    add_configuration(writer, sizes)
    for name, values in weights.items():
        if "q_proj" in name or "k_proj" in name:
            values = interleaved(values, sizes.head_dim)
        kind = matrix_type if values.ndim > 1 else np.float32
        writer.add_tensor(gguf_name(name), values.astype(kind, copy=False))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
