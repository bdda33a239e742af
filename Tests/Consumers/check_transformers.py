"""transformers: the patched config.json loads, and every layer reaches as far as the golden mask says."""

import json
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

from exports import Golden, expect, export, head_map, layers, report
from reach import reach

KINDS = ["rsrs", "ssss", "rrrr", "sssr"]
SIZES = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=128, pad_token_id=0, bos_token_id=1,
    eos_token_id=2,
)
# Those whose sliding layers may turn positions otherwise, and gpt_oss, slide as they are told all the same.
WINDOWED = {"gemma3_text": {}, "cohere2": {}, "gpt_oss": {"num_local_experts": 2, "num_experts_per_tok": 1}}
HONOURING = ["ministral", "mistral", "qwen2", "qwen3", "smollm3", "olmo3"]


def save_tiny(model_type):
    """A random model of that type as its checkpoint would be, all layers full."""
    folder = Path(tempfile.mkdtemp(prefix=f"zigzag-{model_type}-"))
    torch.manual_seed(0)
    plain = {**SIZES, "sliding_window": None} if model_type != "llama" else SIZES
    if model_type == "olmo3" or model_type in WINDOWED:
        plain = {**plain, "layer_types": ["full_attention"] * 4, "sliding_window": 128}
    config = AutoConfig.for_model(model_type, **plain, **WINDOWED.get(model_type, {}))
    AutoModelForCausalLM.from_config(config).to(precision(model_type)).save_pretrained(folder)
    return folder


def precision(model_type):
    """The experts of gpt_oss have no product in float64."""
    return torch.float32 if model_type == "gpt_oss" else torch.float64


def load(folder, patch, attention):
    """The model at `folder` with `patch` merged into its config.json."""
    path = folder / "config.json"
    kept = path.read_text()
    path.write_text(json.dumps({**json.loads(kept), **patch}))
    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            folder, dtype=precision(json.loads(kept)["model_type"]), attn_implementation=attention, output_loading_info=True
        )
    finally:
        path.write_text(kept)
    lost = [found[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")]
    expect(not any(lost), f"{patch.get('model_type')}: weights did not load: {lost}")
    return model.eval()


def exact_masks(golden_tokens, sink, recent):
    """The sink + window masks that warnings and docs advise."""
    i, j = torch.arange(golden_tokens)[:, None], torch.arange(golden_tokens)[None]
    full = (j <= i)[None, None]
    stream = ((j <= i) & ((j < sink) | (i - j < recent)))[None, None]
    return {"full_attention": full, "sliding_attention": stream}


def check(model_type, attention):
    folder = save_tiny(model_type)
    for kinds in KINDS:
        document = head_map(layers(kinds), model_type=model_type)
        files = export(document, "huggingface", "headmap")
        patch = json.loads((files / "config.patch.json").read_text())
        golden, exact = Golden(files, "huggingface"), Golden(files, "headmap")
        model = load(folder, patch, attention)
        for layer, seen in enumerate(reach(model, golden.tokens)):
            kind = "full" if kinds[layer] == "r" else "streaming"
            golden.expect(seen, kind, f"{model_type} {kinds} layer {layer}")
        if attention == "sdpa":
            masks = exact_masks(exact.tokens, 3, 5)
            for layer, seen in enumerate(reach(model, exact.tokens, attention_mask=masks)):
                kind = "full" if kinds[layer] == "r" else "streaming"
                exact.expect(seen, kind, f"{model_type} {kinds} layer {layer}, exact masks")


def check_llama():
    """llama ignores layer_types alone; the whole patch loads the same weights as ministral."""
    folder = save_tiny("llama")
    files = export(head_map(layers("srss")), "huggingface")
    patch = json.loads((files / "config.patch.json").read_text())
    golden = Golden(files, "huggingface")
    expect(patch.pop("model_type") == "ministral", "the patch of llama names ministral")
    patch.pop("architectures")
    for layer, seen in enumerate(reach(load(folder, patch, "sdpa"), golden.tokens)):
        golden.expect(seen, "full", f"llama with layer_types, layer {layer}: no longer ignored")
    full = json.loads((export(head_map(layers("rrrr")), "huggingface") / "config.patch.json").read_text())
    ids = torch.arange(20)[None] % 64
    with torch.no_grad():
        plain = load(folder, {}, "sdpa")(ids).logits
        patched = load(folder, full, "sdpa")(ids).logits
    expect(torch.equal(plain, patched), "all layers full, but ministral and llama differ")


def check_qwen2_without_switch():
    """Why the patch sets use_sliding_window: without it qwen2 does not slide, or does not load."""
    folder = save_tiny("qwen2")
    files = export(head_map(layers("srss"), model_type="qwen2"), "huggingface")
    patch = json.loads((files / "config.patch.json").read_text())
    expect(patch.pop("use_sliding_window") is True, "the patch of qwen2 has its switch")
    golden = Golden(files, "huggingface")
    try:
        masks = reach(load(folder, {**patch, "use_sliding_window": False}, "sdpa"), golden.tokens)
        golden.expect(masks[0], "streaming", "qwen2")
    except (SystemExit, Exception) as error:  # noqa: BLE001 - any failure is the point
        return type(error).__name__
    raise SystemExit("qwen2 slides without use_sliding_window: the patch need not set it")


transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
for name in HONOURING + ["llama", *WINDOWED]:
    # gpt_oss has learned sinks, which sdpa does not know.
    for implementation in ("eager",) if name == "gpt_oss" else ("eager", "sdpa"):
        check(name, implementation)
check_llama()
check_qwen2_without_switch()
report(
    "huggingface", ["transformers", "torch"],
    f"reach of every layer in tiny {', '.join([*HONOURING, *WINDOWED])} and llama as ministral = golden mask "
    "(eager, sdpa); with exact masks the sink too; layer_types alone ignored by llama; all full: "
    "ministral = llama to the bit",
)
