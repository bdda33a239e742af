"""Reads a model file (docs/model-format.md) and the folders in which zigzag writes a step."""

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np


@dataclass(frozen=True)
class Configuration:
    """The sizes of a Llama decoder; the letters are those of docs/shapes.md."""

    layers: int
    hidden: int
    feed_forward: int
    query_heads: int
    key_value_heads: int
    head_dim: int
    vocabulary: int
    epsilon: float
    theta: float
    positions: int
    tied: bool

    @property
    def group(self):
        """Query heads that share a key-value head, G."""
        return self.query_heads // self.key_value_heads


def read_model(path):
    """The configuration and the weights, float32 NumPy arrays by Hugging Face's names."""
    with h5py.File(path) as file:
        keys = dict(file["config"].attrs)
        kind = keys["model_type"]
        kind = kind.decode() if isinstance(kind, bytes) else kind
        biased = "model.layers.0.self_attn.q_proj.bias" in file["weights"]
        if kind != "llama" or "rope_scaling" in keys or biased:
            raise SystemExit(f"{path}: these scripts compare plain Llama models, such as SmolLM2")
        weights = {
            name: data.astype(np.float32)[()] if data.dtype != np.float32 else data[()]
            for name, data in file["weights"].items()
        }
    heads, hidden = int(keys["num_attention_heads"]), int(keys["hidden_size"])
    configuration = Configuration(
        layers=int(keys["num_hidden_layers"]),
        hidden=hidden,
        feed_forward=int(keys["intermediate_size"]),
        query_heads=heads,
        key_value_heads=int(keys.get("num_key_value_heads", heads)),
        head_dim=int(keys.get("head_dim", hidden // heads)),
        vocabulary=int(keys["vocab_size"]),
        epsilon=float(keys.get("rms_norm_eps", 1e-6)),
        theta=float(keys.get("rope_theta", 10000)),
        positions=int(keys.get("max_position_embeddings", 2048)),
        tied="lm_head.weight" not in weights,
    )
    return configuration, weights


@dataclass(frozen=True)
class Step:
    """A two-way step on one sample as zigzag computed it: its inputs, loss and gate gradients."""

    tokens: np.ndarray  # (T), int32
    gates: np.ndarray  # (L, K)
    gradients: np.ndarray  # (L, K), of the distillation loss alone
    label_rows: slice
    sink: int
    recent: int
    loss: float


def read_step(folder):
    """What `zigzag bench MODEL --measure step --write-step FOLDER` wrote."""
    folder = Path(folder)
    description = json.loads((folder / "step.json").read_text())
    return Step(
        tokens=np.load(folder / "tokens.npy").reshape(-1),
        gates=np.load(folder / "gates.npy"),
        gradients=np.load(folder / "gradients.npy"),
        label_rows=slice(*description["labelRows"]),
        sink=description["sink"],
        recent=description["recent"],
        loss=description["loss"],
    )
