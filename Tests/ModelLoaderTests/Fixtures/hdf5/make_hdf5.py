"""Writes HDF5 files as other programs write them, with h5py 3.7 and HDF5 1.10 (Debian's python3-h5py).

    python3 make_hdf5.py

The models have one layer, hidden size 4, two heads of 2, feed-forward 4, vocabulary 8; their sha256 is
that of the values that h5py reads. make_fortran.f90 writes fortran.h5.
"""
import ctypes
import hashlib
import struct
import zlib

import h5py
import numpy as np
from h5py import h5a, h5d, h5p, h5s, h5t

CONFIG = dict(
    model_type="llama", num_hidden_layers=1, hidden_size=4, intermediate_size=4,
    num_attention_heads=2, num_key_value_heads=1, head_dim=2, vocab_size=8,
    max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=1e4,
    tie_word_embeddings=True, eos_token_id=[1, 2],
    rope_scaling='{"rope_type": "linear", "factor": 2.0}',
)
LAYER = "model.layers.0."
SHAPES = {
    "model.embed_tokens.weight": (8, 4), "model.norm.weight": (4,),
    LAYER + "input_layernorm.weight": (4,), LAYER + "self_attn.q_proj.weight": (4, 4),
    LAYER + "self_attn.k_proj.weight": (2, 4), LAYER + "self_attn.v_proj.weight": (2, 4),
    LAYER + "self_attn.o_proj.weight": (4, 4), LAYER + "post_attention_layernorm.weight": (4,),
    LAYER + "mlp.gate_proj.weight": (4, 4), LAYER + "mlp.up_proj.weight": (4, 4),
    LAYER + "mlp.down_proj.weight": (4, 4),
}


def plain(group, name, values, index):
    group.create_dataset(name, data=values)


def identity(file):
    lines = []
    for name in sorted(SHAPES):
        values = file["weights"][name][()].astype("<f4")
        shape = "x".join(map(str, values.shape))
        lines.append(f"{name} float32 {shape} {hashlib.sha256(values.tobytes()).hexdigest()}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def model(path, dataset=plain, libver="earliest", prepare=lambda file: None, **options):
    generator = np.random.default_rng(1)
    with h5py.File(path, "w", libver=libver, **options) as file:
        prepare(file)
        config = file.create_group("config")
        for key, value in CONFIG.items():
            config.attrs[key] = value
        weights = file.create_group("weights")
        for index, (name, shape) in enumerate(SHAPES.items()):
            dataset(weights, name, generator.normal(0, 0.1, shape).astype("<f4"), index)
        file.attrs.update(format="zigzag-model", format_version=1, sha256=identity(file))


def stored(group, name, values, properties, type=h5t.IEEE_F32LE):
    space = h5s.create_simple(values.shape)
    dataset = h5d.create(group.id, name.encode(), type, space, dcpl=properties)
    dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values))


# Every order of filters that a writer may choose; d deflate, s shuffle, f fletcher32, m chunks of which
# some were stored with filters left out.
PIPELINES = ["dd", "sd", "ds", "sdsd", "fd", "df", "fsdf", "dddddddd", "m", "ss", "sdd"]


def filtered(group, name, values, index):
    if PIPELINES[index] == "m":
        masked(group, name, values)
        return
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk(tuple(min(3, size) for size in values.shape))
    for filter in PIPELINES[index]:
        if filter == "d":
            properties.set_deflate(6)
        elif filter == "s":
            properties.set_shuffle()
        else:
            properties.set_fletcher32()
    stored(group, name, values, properties)


def masked(group, name, values):
    dataset = group.create_dataset(
        name, values.shape, dtype="<f4", chunks=(1, 4), compression="gzip", shuffle=True)
    for row in range(len(values)):
        raw = values[row].tobytes()
        shuffled = np.frombuffer(raw, "u1").reshape(-1, 4).T.tobytes()
        content = [zlib.compress(shuffled), zlib.compress(raw), shuffled, raw][row % 4]
        dataset.id.write_direct_chunk((row, 0), content, row % 4)


def linked(group, name, values, index):
    if "post_attention" in name:
        group[name] = group[LAYER + "input_layernorm.weight"]
    elif "up_proj" in name or "down_proj" in name:
        group[name] = group[LAYER + "mlp.gate_proj.weight"]
    else:
        group.create_dataset(name, data=values, chunks=values.shape, compression="gzip")


def committed(group, name, values, index):
    group.create_dataset(name, data=values, dtype=group.file["float"])


def commit(file):
    file["float"] = np.dtype("<f4")
    file["short"] = np.dtype("<i2")
    file.attrs.create("source", 7, dtype=file["short"])


def old_layouts(path):
    """Layout messages as HDF5 1.4 and 1.6 wrote them: versions 1 and 2 instead of 3."""
    model(path)
    data = bytearray(open(path, "rb").read())
    places = []
    with h5py.File(path) as file:
        for index, name in enumerate(SHAPES):
            dataset = file["weights"][name]
            rank, offset = dataset.ndim, dataset.id.get_offset()
            message = struct.pack("<BBQQ", 3, 1, offset, 4 * dataset.size)
            start = data.index(message, h5py.h5o.get_info(dataset.id).addr)
            old = struct.pack("<BBB5xQ", 1 + index % 2, rank, 1, offset)
            old += struct.pack(f"<{rank}I", *dataset.shape)
            places.append((start, old))
    for start, old in places:
        data[start:start + len(old)] = old
    open(path, "wb").write(data)
    with h5py.File(path) as file:
        assert identity(file) == file.attrs["sha256"], "the library reads other values"


def superblock_1(path):
    """Version 1 of the superblock, which is written where this number is not the default."""
    library = ctypes.CDLL("libhdf5_serial.so.103")
    properties = h5p.create(h5p.FILE_CREATE)
    library.H5Pset_istore_k(ctypes.c_int64(properties.id), ctypes.c_uint(16))
    file = h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, fcpl=properties))
    with h5py.File("links.h5") as source, file:
        for name in ["config", "weights"]:
            source.copy(name, file)
        file.attrs.update(dict(source.attrs))


def attributes(path):
    with h5py.File(path, "w") as file:
        for name, padding, charset, field in [
            ("spaces", h5t.STR_SPACEPAD, h5t.CSET_ASCII, b"two words   "),
            ("only-spaces", h5t.STR_SPACEPAD, h5t.CSET_ASCII, b"    "),
            ("spaces-utf8", h5t.STR_SPACEPAD, h5t.CSET_UTF8, "gr\u00fc\u00dfe  ".encode()),
            ("zeros", h5t.STR_NULLPAD, h5t.CSET_ASCII, b"kept  \0\0\0"),
            ("terminated", h5t.STR_NULLTERM, h5t.CSET_ASCII, b"this\0not"),
            ("latin-1", h5t.STR_NULLTERM, h5t.CSET_ASCII, b"gr\xfc\xdfe\0"),
            ("zero-inside", h5t.STR_NULLPAD, h5t.CSET_ASCII, b"a\0b"),
        ]:
            type = h5t.C_S1.copy()
            type.set_size(len(field))
            type.set_strpad(padding)
            type.set_cset(charset)
            attribute = h5a.create(file.id, name.encode(), type, h5s.create(h5s.SCALAR))
            attribute.write(np.frombuffer(field, f"V{len(field)}").view(f"S{len(field)}")[0:1],
                            mtype=type)
        many = file.attrs
        many["list-of-one"] = np.array([b"llama"], dtype="S8")
        many["texts"] = np.array([b"full", b"sliding"], dtype="S8")
        many["long-texts"] = ["full_attention", "sliding_attention", ""]
        many["half"] = np.float16(0.5)
        many["big-half"] = np.array(0.25, ">f2")
        many["byte"] = np.uint8(200)
        many["big-short"] = np.array([-2, 3], ">i2")
        many["large"] = np.uint64(2**63)
        many["true"] = np.bool_(True)
        many["truths"] = np.array([True, False])
        many.create("colour", 1, dtype=h5py.enum_dtype({"RED": 0, "BLUE": 1}, basetype="i1"))
        many["long-double"] = np.longdouble(1.5)
        many["compound"] = np.zeros((), dtype=[("a", "f4"), ("b", "i4")])
        many["nothing"] = h5py.Empty("f4")
        many["no-list"] = np.zeros(0)


def refused(path):
    """One dataset for each thing that is refused; its name says what."""
    values = np.arange(16, dtype="<f4").reshape(4, 4)
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file.create_dataset("lzf", data=values, compression="lzf")
        file.create_dataset("szip", data=values, chunks=(4, 4), compression="szip")
        file.create_dataset("scale-offset", data=values, chunks=(4, 4), scaleoffset=2)
        nbit = h5p.create(h5p.DATASET_CREATE)
        nbit.set_chunk((4, 4))
        nbit.set_filter(5, 0)
        stored(file, "nbit", values, nbit)
        nine = h5p.create(h5p.DATASET_CREATE)
        nine.set_chunk((4, 4))
        for _ in range(9):
            nine.set_deflate(1)
        stored(file, "9 filters", values, nine)
        file.create_dataset("can grow", data=values, chunks=(2, 2), maxshape=(None, 4))
        file.create_dataset("never written", (4, 4), dtype="<f4", fillvalue=5)
        file.create_dataset("chunks never written", (4, 4), dtype="<f4", chunks=(2, 2))[0, 0] = 1
        file["link to another place"] = h5py.SoftLink("/lzf")
        file["link to another file"] = h5py.ExternalLink("other.h5", "/lzf")
        layout = h5py.VirtualLayout((4, 4), dtype="<f4")
        layout[:] = h5py.VirtualSource("other.h5", "x", (4, 4))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("external", (4, 4), dtype="<f4", external=[("values.bin", 0, 64)])


model("filters.h5", filtered)
model("links.h5", linked)
superblock_1("superblock-1.h5")
model("committed.h5", committed, prepare=commit)
model("committed-latest.h5", committed, "latest", prepare=commit)
old_layouts("old-layouts.h5")
attributes("attributes.h5")
refused("refused.h5")
