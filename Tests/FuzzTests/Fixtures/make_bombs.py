"""Writes small HDF5 files that cost very much where a reader does not count what it makes of them.

    python3 make_bombs.py      (h5py 3.7 with HDF5 1.10, Debian's python3-h5py)
"""
import hashlib
import struct

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

SIZE, LAYERS = 1024, 12
CONFIG = dict(
    model_type="llama", num_hidden_layers=LAYERS, hidden_size=SIZE, intermediate_size=SIZE,
    num_attention_heads=16, num_key_value_heads=16, head_dim=64, vocab_size=SIZE,
    max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=1e4, tie_word_embeddings=True,
)
MATRICES = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
            "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
VECTORS = ["input_layernorm", "post_attention_layernorm"]


def names(parts):
    return [f"model.layers.{layer}.{part}.weight" for layer in range(LAYERS) for part in parts]


def zeros(group, name, shape, filters, type=h5t.IEEE_F32LE):
    """Zeros, compressed `filters` times: four megabytes become some fifty bytes."""
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk(shape)
    for _ in range(filters):
        properties.set_deflate(9)
    dataset = h5d.create(group.id, name.encode(), type, h5s.create_simple(shape), dcpl=properties)
    dataset.write(h5s.ALL, h5s.ALL, np.zeros(shape, "<f4"))


# Its chunks, where there is one for a dataset, need no tree.
VERSION = ("v110", "v110")


def identity():
    """The identity of weights that are all zero."""
    lines = []
    for name in sorted(["model.embed_tokens.weight", "model.norm.weight"]
                       + names(MATRICES + VECTORS)):
        shape = (SIZE,) if "norm" in name else (SIZE, SIZE)
        content = hashlib.sha256(bytes(4 * int(np.prod(shape)))).hexdigest()
        lines.append(f"{name} float32 {'x'.join(map(str, shape))} {content}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def model(path, matrix, vector):
    with h5py.File(path, "w", libver=VERSION) as file:
        file.attrs.update(format="zigzag-model", format_version=1, sha256=identity())
        group = file.create_group("config")
        for key, value in CONFIG.items():
            group.attrs[key] = value
        weights = file.create_group("weights")
        for name in ["model.embed_tokens.weight"] + names(MATRICES):
            matrix(weights, name)
        for name in ["model.norm.weight"] + names(VECTORS):
            vector(weights, name)


def link(shape):
    def body(group, name):
        first = "model.embed_tokens.weight" if len(shape) == 2 else "model.norm.weight"
        if name == first:
            zeros(group, name, shape, 1)
        else:
            group[name] = group[first]
    return body


def own(shape):
    return lambda group, name: zeros(group, name, shape, 2)


# One compressed dataset under very many names: 340 MB where each name is read.
model("bombs/links.h5", link((SIZE, SIZE)), link((SIZE,)))
# As many datasets, each compressed twice.
model("bombs/nested.h5", own((SIZE, SIZE)), own((SIZE,)))


def checkpoint(path, step, arrays):
    with h5py.File(path, "w", libver=VERSION) as file:
        file.attrs.update(format="zigzag-checkpoint", format_version=2, step=step,
                          identity="model and settings")
        for name in ["optimizer", "records"]:
            file.create_group(name)
        for name, shape in arrays.items():
            group, _, last = name.rpartition("/")
            zeros(file[group] if group else file, last, shape, 2, h5t.IEEE_F64LE)


FORMS = {"gates": (3, 2), "optimizer/mean": (3, 2), "optimizer/square": (3, 2), "multiplier": (1,)}
RECORDS = ["loss", "distillation", "regularization", "learning_rate", "tokens", "student_rows"]
# Arrays that nobody asked for, and records of more steps than a run has.
checkpoint("bombs/arrays.h5", 0, FORMS | {f"records/{name}": (1,) for name in RECORDS}
           | {f"array-{index}": (1 << 20,) for index in range(40)})
checkpoint("bombs/records.h5", 1 << 22,
           FORMS | {f"records/{name}": (1 << 22,) for name in RECORDS})
with h5py.File("bombs/teacher.h5", "w", libver=VERSION) as file:
    file.attrs.update(format="zigzag-teacher", identity="model and settings")
    zeros(file, "outputs", (1 << 24,), 2)


def texts(path):
    """Very many attributes, all of which refer to one long text."""
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["long"] = "y" * 40000
        for index in range(900):
            file.attrs[f"x{index}"] = "z"
    data = bytearray(open(path, "rb").read())
    long = data.index(struct.pack("<I", 40000))
    reference = data[long:long + 16]
    place = data.find(b"GCOL")
    heaps = set()
    while place >= 0:
        heaps.add(place)
        place = data.find(b"GCOL", place + 1)
    for heap in heaps:
        short = struct.pack("<IQ", 1, heap)
        place = data.find(short)
        while place >= 0:
            data[place:place + 16] = reference
            place = data.find(short, place + 1)
    open(path, "wb").write(data)


def overlapping(path):
    """Very many names of a group, all of which lie in one long one."""
    with h5py.File(path, "w", libver="earliest") as file:
        file.create_group("a" * 4000)
        for index in range(1000):
            file[f"n{index}"] = h5py.SoftLink("/x")
    data = bytearray(open(path, "rb").read())
    heap = data.index(b"HEAP")
    segment = struct.unpack("<Q", data[heap + 24:heap + 32])[0]
    start = data.index(b"a" * 4000, segment) - segment
    place, count = data.find(b"SNOD"), 0
    while place >= 0:
        symbols = struct.unpack("<H", data[place + 6:place + 8])[0]
        for index in range(symbols):
            entry = place + 8 + 40 * index
            data[entry:entry + 8] = struct.pack("<Q", start + count)
            count += 1
        place = data.find(b"SNOD", place + 1)
    open(path, "wb").write(data)


texts("bombs/texts.h5")
overlapping("bombs/names.h5")
