"""Writes the model files that FuzzTests damages, with h5py in all of its formats.

    pip install h5py numpy && python make_models.py

One layer, hidden size 4, two heads of 2, feed-forward 4, vocabulary 8.
"""
import h5py
import numpy as np

CONFIG = dict(
    model_type="llama", num_hidden_layers=1, hidden_size=4, intermediate_size=4,
    num_attention_heads=2, num_key_value_heads=1, head_dim=2, vocab_size=8,
    max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=1e4,
    tie_word_embeddings=True, eos_token_id=[1, 2],
    rope_scaling='{"rope_type": "linear", "factor": 2.0}',
)
SHAPES = {
    "model.embed_tokens.weight": (8, 4), "model.norm.weight": (4,),
    "model.layers.0.input_layernorm.weight": (4,),
    "model.layers.0.self_attn.q_proj.weight": (4, 4),
    "model.layers.0.self_attn.k_proj.weight": (2, 4),
    "model.layers.0.self_attn.v_proj.weight": (2, 4),
    "model.layers.0.self_attn.o_proj.weight": (4, 4),
    "model.layers.0.post_attention_layernorm.weight": (4,),
    "model.layers.0.mlp.gate_proj.weight": (4, 4),
    "model.layers.0.mlp.up_proj.weight": (4, 4),
    "model.layers.0.mlp.down_proj.weight": (4, 4),
}


def write(name, libver, types=("<f4",), userblock=0, fixed=False, **options):
    with h5py.File(name, "w", libver=libver, userblock_size=userblock) as file:
        file.attrs.update(format="zigzag-model", format_version=1, sha256="0" * 64)
        if fixed:
            file.attrs["source"] = np.bytes_(b"somewhere")
        config = file.create_group("config")
        for key, value in CONFIG.items():
            config.attrs[key] = value
        weights = file.create_group("weights")
        for index, (key, shape) in enumerate(SHAPES.items()):
            values = (np.arange(np.prod(shape)) % 7 - 3).reshape(shape) / 4
            # Two chunked datasets are enough: each has an index of its own, which is large.
            given = dict(options, chunks=(3, 3)) if options and "embed" in key else {}
            if options and "v_proj" in key:
                given = dict(options, chunks=shape)
            weights.create_dataset(key, data=values.astype(types[index % len(types)]), **given)
        tokenizer = np.frombuffer(b'{"version": "1.0"}', dtype=np.uint8)
        file.create_group("tokenizer").create_dataset("tokenizer.json", data=tokenizer)


write("earliest.h5", "earliest", types=("<f4", "<f2", ">f8"))
write("latest.h5", "latest", types=("<f4", "<f2"))
write("chunked.h5", "earliest", userblock=512, fixed=True, compression="gzip",
      shuffle=True, fletcher32=True)
write("chunked-latest.h5", "latest", compression="gzip")
write("chunked-v110.h5", ("v110", "v110"), types=("<f4", ">f4"), compression="gzip")
