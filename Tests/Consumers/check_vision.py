"""transformers: scores of heads on embeddings of images are those of the models' own attentions."""

import json
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForImageTextToText

from exports import expect, report, zigzag

IMAGE = 256
TEXT = dict(
    vocab_size=264, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=1024, rms_norm_eps=1e-5, bos_token_id=None,
    eos_token_id=257, pad_token_id=None, tie_word_embeddings=False,
)
MERGED = dict(
    depth=3, hidden_size=16, intermediate_size=16, num_heads=2, patch_size=4, spatial_merge_size=2,
    temporal_patch_size=2, out_hidden_size=32,
)
TOKENS = dict(
    image_token_id=IMAGE, video_token_id=258, vision_start_token_id=259, vision_end_token_id=260, tie_word_embeddings=False
)
# A grid of patches; four patches become a token.
GRID = (1, 8, 6)


def llava():
    return AutoConfig.for_model(
        "llava", image_token_index=IMAGE, vision_feature_layer=-1, tie_word_embeddings=False,
        text_config=dict(TEXT, model_type="llama"),
        vision_config=dict(
            model_type="clip_vision_model", hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            num_attention_heads=2, image_size=24, patch_size=6,
        ),
    )


def qwen2_5_vl():
    return AutoConfig.for_model(
        "qwen2_5_vl", **TOKENS,
        text_config=dict(
            TEXT, model_type="qwen2_5_vl_text",
            rope_parameters=dict(rope_type="default", rope_theta=10000.0, mrope_section=[1, 1, 2]),
        ),
        vision_config=dict(MERGED, fullatt_block_indexes=[1], window_size=16),
    )


def qwen3_vl():
    return AutoConfig.for_model(
        "qwen3_vl", **TOKENS,
        text_config=dict(
            TEXT, model_type="qwen3_vl_text",
            rope_parameters=dict(
                rope_type="default", rope_theta=10000.0, mrope_section=[2, 1, 1], mrope_interleaved=True
            ),
        ),
        vision_config=dict(MERGED, deepstack_visual_indexes=[0, 1], num_position_embeddings=64),
    )


def image_inputs(kind, images, generator):
    """Random images as the model's processor would hand them over, and the tokens of one."""
    if kind == "llava":
        return {"pixel_values": torch.randn(images, 3, 24, 24, generator=generator)}, 16
    patches = GRID[0] * GRID[1] * GRID[2]
    pixels = torch.randn(images * patches, 3 * 2 * 4 * 4, generator=generator)
    return {"pixel_values": pixels, "image_grid_thw": torch.tensor([GRID] * images)}, patches // 4


def save_tokenizer(folder):
    """A token for each byte, and names for what stands for images."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([f"<|{index}|>" for index in range(256, 264)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def entering(model, inputs):
    """What the text part of a model that sees gets, by name, `rows` its first layer's, and the attention of every layer."""
    seen, part = {}, model.model.language_model
    hooks = [
        part.register_forward_pre_hook(lambda module, args, given: seen.update(given), with_kwargs=True),
        part.layers[0].register_forward_pre_hook(lambda module, args: seen.update(rows=args[0])),
    ]
    with torch.no_grad():
        attentions = model(**inputs, output_attentions=True).attentions
    for hook in hooks:
        hook.remove()
    return seen, [weights[0].double().numpy() for weights in attentions]


def write_rows(group, name, seen, rows):
    """Some of the rows that enter the first layer, with their positions where the model has three."""
    group[name] = seen["rows"][0, rows].float().numpy()
    positions = seen.get("position_ids")
    if positions is not None and positions.ndim == 3:
        group[f"{name}_positions"] = positions[-3:, 0, rows].numpy()


def write_additions(group, seen, rows):
    """What Qwen3-VL adds to the rows of images behind its first layers, and zeros elsewhere."""
    features = seen.get("deepstack_visual_embeds")
    if features is None:
        return
    mask = seen["visual_pos_masks"][0]
    added = torch.zeros(len(features), *seen["rows"].shape[1:])
    for layer, feature in enumerate(features):
        added[layer, mask] = feature.float()
    group["prefix_additions"] = added[:, rows].numpy()


def clear_sum(gains):
    """The sum over a document's tokens without those two standard deviations below the mean."""
    return gains[gains > gains.mean() - 2 * gains.std(ddof=1)].sum()


def scores(asked, nothing, sample):
    """The definitions of docs/scores.md, (L, H) by method, from attentions (H, tokens, tokens) of each layer."""
    prefix, rows = sample["prefix"], min(16, sample["query"])
    found = {"qrhead": [], "multimodal": [], "evaluator": []}
    for with_query, without in zip(asked, nothing):
        gains = with_query[:, prefix:, :prefix].mean(1) - without[:, prefix:, :prefix].mean(1)
        gold = [gains[:, start:end] for start, end in (sample["documents"][index] for index in sample["gold"])]
        found["qrhead"].append(sum(np.array([clear_sum(head) for head in part]) for part in gold))
        found["multimodal"].append(sum(part.sum(1) for part in gold))
        last = with_query[:, -rows:, :].mean(1)
        needles = sample.get("needles", [sample["documents"][index] for index in sample["gold"]])
        found["evaluator"].append(sum(last[:, start:end].sum(1) for start, end in needles))
    return {method: np.array(rows) for method, rows in found.items()}


def sample(kind, model, tokenizer, seed, group):
    """A question on two images and a text between them: written into `group`, and scored by the model itself."""
    generator = torch.Generator().manual_seed(seed)
    pictures, count = image_inputs(kind, 2, generator)
    pictures = {key: value.double() if value.is_floating_point() else value for key, value in pictures.items()}
    text = lambda words: tokenizer.encode(words).ids  # noqa: E731
    begin, middle, end = text("Pages: "), text("\n[2] The boat is red. "), text(" End.\n")
    prefix = begin + [IMAGE] * count + middle + [IMAGE] * count + end
    first, second = len(begin), len(begin) + count + len(middle)
    documents = [(first, first + count), (first + count, second), (second, second + count)]
    gold = [seed % 2 * 2, 1][: 1 + seed % 2]
    asked, nothing = text(f"Query: which boat number {seed}?"), text("Query: N/A")
    about = {"prefix": len(prefix), "query": len(asked), "documents": documents, "gold": sorted(gold)}
    if seed == 1:
        about["needles"] = [(first + 2, first + 5), (second, second + 1)]
        group["needles"] = about["needles"]
    attentions = []
    for name, query in (("query", asked), ("null", nothing)):
        ids = torch.tensor([prefix + query])
        inputs = dict(pictures, input_ids=ids, attention_mask=torch.ones_like(ids))
        if kind != "llava":
            inputs["mm_token_type_ids"] = (ids == IMAGE).int()
        seen, weights = entering(model, inputs)
        if name == "query":
            write_rows(group, "prefix", seen, slice(0, len(prefix)))
            write_additions(group, seen, slice(0, len(prefix)))
        write_rows(group, name, seen, slice(len(prefix), None))
        attentions.append(weights)
    group["documents"], group["gold"] = documents, sorted(gold)
    return scores(*attentions, about)


def check(config):
    kind = config.model_type
    folder = Path(tempfile.mkdtemp(prefix=f"zigzag-vision-{kind}-"))
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(config, attn_implementation="eager")
    for parameter in model.parameters():
        # Norms and heads that differ: as they are initialised all attend nearly alike.
        parameter.data = (parameter.data.mean() == 1) * 1.0 + torch.randn_like(parameter.data) * (
            parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.1
        ) * 2
    model = model.float().eval()
    model.save_pretrained(folder)
    tokenizer = save_tokenizer(folder)
    zigzag("import", folder, folder / "model.h5", "--quiet")
    model = model.double()
    expected = []
    with h5py.File(folder / "pages.h5", "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "zigzag-embeddings", 1
        for seed in range(3):
            expected.append(sample(kind, model, tokenizer, seed, file.create_group(f"sample-{seed}")))
    (folder / "vision.yaml").write_text(f"name: vision\nmodel: {folder}/model.h5\ncalibration: none\nwindow: {{sink: 4, recent: 16}}\n")
    methods = ["qrhead", "multimodal", "evaluator", "kvzip", "mean-qk"]
    options = [word for method in methods for word in ("--method", method)]
    zigzag("score", folder / "vision.yaml", "--embeddings", folder / "pages.h5", "--runs", folder, "--quiet", *options)
    errors = {}
    for method in methods[:3]:
        found = np.array(json.loads((folder / f"vision/heads-{method}.json").read_text())["scores"])
        mean = np.mean([one[method] for one in expected], 0)
        errors[method] = np.linalg.norm(found - mean) / np.linalg.norm(mean)
        expect(errors[method] < 1e-4, f"{kind}, {method}: scores are {errors[method]:.1e} off")
        expect(mean.std() > 1e-3, f"{kind}, {method}: all heads score alike")
    return max(errors.values())


transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
found = {config.model_type: check(config) for config in (llava(), qwen2_5_vl(), qwen3_vl())}
numbers = ", ".join(f"{kind} {error:.1e}" for kind, error in found.items())
report(
    "scores on embeddings", ["transformers", "torch"],
    f"qrhead, multimodal and evaluator = the definitions on the models' own attentions in float64; relative error {numbers}",
)
