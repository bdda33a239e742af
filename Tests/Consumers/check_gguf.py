"""GGUF: the keys of an export survive gguf's writer and reader, and llama.cpp ignores them for llama."""

import json
import socket
import tempfile
from pathlib import Path

import gguf
import numpy as np

from exports import expect, export, head_map, layers, report

HIDDEN, HEADS, VOCABULARY, LAYERS = 64, 2, 96, 4


def add(writer, key, entry):
    """One key of gguf_metadata.json into a file that is being written."""
    if entry["type"] == "UINT32":
        writer.add_uint32(key, entry["value"])
    else:
        expect(entry["type"] == "ARRAY of BOOL", f"{key} has the unknown type {entry['type']}")
        writer.add_array(key, entry["value"])


def write(path, metadata):
    """A tiny random llama whose tokens are the letters, with the export's keys."""
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(96)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([chr(33 + index) for index in range(VOCABULARY - 3)] + ["Ġ", "<s>", "</s>"])
    writer.add_token_types([1] * (VOCABULARY - 2) + [3, 3])
    writer.add_token_merges(["! !"])
    writer.add_bos_token_id(VOCABULARY - 2)
    writer.add_eos_token_id(VOCABULARY - 1)
    for key, entry in metadata.items():
        add(writer, key, entry)

    def tensor(name, *shape):
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(np.float32))

    tensor("token_embd.weight", VOCABULARY, HIDDEN)
    tensor("output.weight", VOCABULARY, HIDDEN)
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    for layer in range(LAYERS):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(HIDDEN, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{layer}.{name}.weight", HIDDEN, HIDDEN)
        tensor(f"blk.{layer}.ffn_gate.weight", 96, HIDDEN)
        tensor(f"blk.{layer}.ffn_up.weight", 96, HIDDEN)
        tensor(f"blk.{layer}.ffn_down.weight", HIDDEN, 96)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read(path):
    """The window and the sliding layers as gguf's reader finds them."""
    fields = gguf.GGUFReader(str(path)).fields
    window = fields["llama.attention.sliding_window"]
    pattern = fields["llama.attention.sliding_window_pattern"]
    expect(window.types == [gguf.GGUFValueType.UINT32], f"the window is of type {window.types}")
    expect(
        pattern.types == [gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.BOOL],
        f"the pattern is of type {pattern.types}",
    )
    return int(window.contents()), [bool(flag) for flag in pattern.contents()]


def first_probabilities(path, prompts):
    """llama.cpp's most probable next tokens after each prompt."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = 256
    parameters.warmup = False
    parameters.cpuparams.n_threads = 2
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        parameters.port = free.getsockname()[1]
    server = xllamacpp.Server(parameters)
    answers = []
    for prompt in prompts:
        reply = server.handle_completions(
            {"prompt": prompt, "max_tokens": 1, "n_probs": 5, "temperature": 0, "cache_prompt": False}
        )
        choice = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        answers.append([(item["token"], item["logprob"]) for item in choice])
    return answers


folder = Path(tempfile.mkdtemp(prefix="zigzag-gguf-"))
for kinds in ("rsrs", "ssss", "rrrr"):
    files = export(head_map(layers(kinds)), "gguf")
    metadata = json.loads((files / "gguf_metadata.json").read_text())
    write(folder / f"{kinds}.gguf", metadata)
    window, sliding = read(folder / f"{kinds}.gguf")
    expect(window == 5 and sliding == [kind == "s" for kind in kinds], f"{kinds} came back as {window}, {sliding}")
# Only the first letter differs, and no layer would reach so far back within four windows of five.
prompts = ["a" + "b" * 60, "c" + "b" * 60]
sliding, full = (first_probabilities(folder / f"{kinds}.gguf", prompts) for kinds in ("ssss", "rrrr"))
expect(full[0] != full[1], "the first token does not matter to this model: nothing is checked")
expect(sliding == full, "llama.cpp honours the pattern for llama: the warning is out of date")
report(
    "gguf", ["gguf", "xllamacpp"],
    "the two keys survive GGUFWriter and GGUFReader with their types; llama.cpp computes a llama with the "
    "all-sliding pattern exactly as the all-full one: the keys are ignored, as warned",
)
