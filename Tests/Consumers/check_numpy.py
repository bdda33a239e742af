"""numpy: the tables of DuoAttention's readers, by the steps that their loaders take."""

import json

import numpy as np

from exports import expect, export, head_map, layers, report

MIXED = [[True, False], [False, True], [False, False], [True, True]]


def load(folder):
    """What duo_attn.utils and its followers read: the table, clipped, and the two sizes."""
    config = json.loads((folder / "config.json").read_text())
    table = np.loadtxt(folder / "full_attention_heads.tsv", dtype=float, delimiter="\t", ndmin=2)
    return np.clip(table, 0, 1), config["sink_size"], config["recent_size"]


def check(full, squeezed=False):
    files = export(head_map(full), "duo-attention", "fluentllm" if not squeezed else "duo-attention")
    exact, sink, recent = load(files / "duo-attention-exact")
    expect((sink, recent) == (3, 5), f"sink {sink} and recent {recent} instead of 3 and 5")
    expect(np.array_equal(exact > 0.5, np.array(full)), f"{full}: a threshold of 0.5 gives another map")
    raw, _, _ = load(files / "duo-attention")
    expect(np.array_equal(raw, np.where(full, 0.75, 0.25)), "the raw gates arrived changed")
    return files


def check_quantile(full):
    """SGLang-FluentLLM: full is what is not below the table's quantile at `sparsity`."""
    files = check(full) / "fluentllm"
    key = json.loads((files / "streaming_sparse_attention.json").read_text())["streaming_sparse_attention"]
    scores = np.clip(np.loadtxt(files / key["head_score"], dtype=float, delimiter="\t"), 0, 1)
    found = scores >= np.quantile(scores, key["sparsity"])
    expect(np.array_equal(found, np.array(full)), f"{full}: the quantile cut gives another map")


for sample in [MIXED, layers("rsrs"), layers("rrrr"), layers("sssr", heads=3)]:
    check_quantile(sample)
check(layers("ssss"), squeezed=True)
column = check(layers("rsr", heads=1), squeezed=True) / "duo-attention-exact/full_attention_heads.tsv"
expect(np.loadtxt(column, delimiter="\t").ndim == 1, "numpy no longer squeezes a table of one column")
report(
    "duo-attention, fluentllm", ["numpy"],
    "tables load as DuoAttention's readers load them; threshold 0.5 and the quantile cut give the map, "
    "head-mixed ones too; one column is squeezed to one dimension, as warned",
)
