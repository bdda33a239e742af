"""Makes types-uneven.gguf and types-uneven.safetensors: random blocks of GGML types, and what the `gguf` package (0.19)
makes of them. Only needed to make the fixtures again.

    python make_types.py
"""

from pathlib import Path

import gguf
import numpy as np
from gguf.quants import dequantize
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
# Where a block has its scale in half precision; MXFP4 has an exponent in its first byte.
SCALES = {"IQ4_NL": 0, "IQ4_XS": 0, "TQ1_0": 52, "TQ2_0": 64, "MXFP4": None}

random = np.random.default_rng(0)
writer = gguf.GGUFWriter(HERE / "types-uneven.gguf", "llama")
expected = {}
for name, place in SCALES.items():
    kind = gguf.GGMLQuantizationType[name]
    size, width = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (4, width), dtype=np.uint8)
    if place is None:
        blocks[:, 0] = [0, 1, 120, 135]
    else:
        scales = random.normal(size=4).astype(np.float16)
        blocks[:, place : place + 2] = scales.view(np.uint8).reshape(4, 2)
    raw = blocks.reshape(2, -1)
    writer.add_tensor(name.lower(), raw, raw_dtype=kind)
    expected[name] = dequantize(raw, kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file(expected, HERE / "types-uneven.safetensors")
