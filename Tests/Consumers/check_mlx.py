"""mlx-lm: its classes build the layers of an exported patch, and attend as the golden mask says."""

import contextlib
import json
import subprocess
from unittest import mock

import mlx.core as mx
import numpy as np
from mlx_lm.models import llama, olmo3, qwen3
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import MODEL_REMAPPING

from exports import Golden, expect, export, head_map, layers, report, ZIGZAG

CONFIG = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, rms_norm_eps=1e-5, max_position_embeddings=128,
    tie_word_embeddings=True, rope_theta=10000.0,
)


def build(module, name, patch):
    """The model that mlx-lm's loader would make of config.json with the patch merged in."""
    mx.random.seed(0)
    return module.Model(module.ModelArgs.from_dict({"model_type": name, **CONFIG, **patch}))


def reach(model, tokens, cached):
    """A (tokens, tokens) mask per layer of which keys its attention depends on.

    The layers' own masks are taken from a forward pass; then each layer's attention is disturbed alone.
    """
    caches = make_prompt_cache(model) if cached else None
    inner, masks = model.model, []
    ids = mx.arange(tokens)[None] % 64
    calls = []

    def spy(original):
        def call(self, x, mask=None, cache=None):
            calls.append((self, mask))
            return original(self, x, mask, cache)

        return call

    with contextlib.ExitStack() as stack:
        for kind in {type(layer) for layer in inner.layers}:
            stack.enter_context(mock.patch.object(kind, "__call__", spy(kind.__call__)))
        mx.eval(inner(ids, cache=caches))
    for layer, mask in calls:
        x = mx.random.normal((1, tokens, 32))
        plain = np.array(layer.self_attn(x, mask, None))[0]
        seen = np.zeros((tokens, tokens), dtype=bool)
        for key in range(tokens):
            bump = mx.zeros((1, tokens, 32)).at[0, key].add(mx.linspace(-1, 2, 32))
            disturbed = np.array(layer.self_attn(x + bump, mask, None))[0]
            seen[:, key] = np.abs(disturbed - plain).max(-1) > 1e-7
        masks.append(seen)
    return masks


def check(module, name, samples):
    for kinds in samples:
        files = export(head_map(layers(kinds), model_type=name), "mlx")
        patch = json.loads((files / "mlx_config.patch.json").read_text())
        golden = Golden(files, "mlx")
        for cached in (False, True):
            masks = reach(build(module, name, patch), golden.tokens, cached)
            for layer, seen in enumerate(masks):
                kind = "full" if kinds[layer] == "r" else "streaming"
                golden.expect(seen, kind, f"{name} {kinds} layer {layer}")


def check_silence():
    """qwen3 does not read layer_types: all layers stay full, as the warning says."""
    files = export(head_map(layers("srss"), model_type="qwen3"), "mlx")
    patch = json.loads((files / "mlx_config.patch.json").read_text())
    golden = Golden(files, "mlx")
    for layer, seen in enumerate(reach(build(qwen3, "qwen3", patch), golden.tokens, True)):
        golden.expect(seen, "full", f"qwen3 layer {layer}: no longer ignored")


def check_one_kind(module, name, kinds, kind):
    """mlx-lm fails where no layer is of the other kind, so zigzag refuses."""
    try:
        build(module, name, {"layer_types": [kind] * 4, "sliding_window": 5})
        raise SystemExit(f"mlx-lm builds {name} with {kind} alone: zigzag need not refuse")
    except ValueError:
        pass
    files = export(head_map(layers(kinds), model_type=name))
    done = subprocess.run([ZIGZAG, "export", files / "headmap.json", "--format", "mlx"], capture_output=True)
    expect(done.returncode == 64, f"zigzag exports {kinds} for {name}")


expect(MODEL_REMAPPING.get("mistral") == "llama", "mlx-lm has a class of its own for mistral")
check(llama, "llama", ["rsrs", "sssr", "rrrr"])
check(olmo3, "olmo3", ["rsrs", "sssr"])
check_silence()
check_one_kind(llama, "llama", "ssss", "sliding_attention")
check_one_kind(olmo3, "olmo3", "rrrr", "full_attention")
report(
    "mlx", ["mlx-lm", "mlx"],
    "attention of every layer of tiny llama (mistral's class too) and olmo3 = golden mask (prompts, without "
    "and with caches); qwen3 ignores layer_types; a list without full_attention raises ValueError and is refused",
)
