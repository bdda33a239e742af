"""Trains the small model in this folder, passkey.h5, and writes it down with its provenance.

    python data/train_passkey_model.py [--out data/passkey.h5]

Needs a release build of zigzag, and the packages torch 2.13, transformers 5.23 and tokenizers 0.23 (the
versions it was trained with). It learns from passkey samples in generated prose of both subjects, in
several wordings, from seeds that no configuration of the repository uses: `zigzag samples` makes them. The model
solves passkey tasks and nothing else; it is a test piece, not a language model.
"""

import argparse
import json
import math
import subprocess
import time
from itertools import count
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).resolve().parents[1]
ZIGZAG = ROOT / ".build/release/zigzag"
WORK = ROOT / ".build/passkey"

VOCABULARY = 1536
END = "<|endoftext|>"
IGNORED = -100
SEED = 20261123  # of the weights, the batches, and the first training set

# Words for passkeys: those of the tool's two presets, and as many others.
WORDS = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa "
    "quebec romeo sierra tango uniform victor whiskey xray yankee zulu apple bridge candle desert engine "
    "forest garden hammer island jacket kitchen ladder mirror needle orange pencil queen river silver "
    "table umbrella village window yellow copper meadow rocket saddle thunder violet walnut pepper "
    "marble lemon kettle ivory harbor ginger falcon ember dragon cobalt butter anchor"
).split()

# (prologue, needle, epilogue, question, answer lead-in): the tool's two presets, and others like them.
WORDINGS = [
    (
        "Here is a long story from an old book: <book>",
        " Keep this row of words in mind, it is the {ordinal} passkey to the vault: {passkey}.",
        "</book>.\n\n",
        "According to the book above, what is the {ordinal} passkey to the vault?\n",
        "Passkey:",
    ),
    (
        "Below is a long report. Read all of it with care.\n",
        " Note for later: the {ordinal} secret phrase of the safe reads: {passkey}.",
        "\n\nThis is where the report ends.\n\n",
        "What does the {ordinal} secret phrase of the safe read?\n",
        "Secret phrase:",
    ),
    (
        "A text follows.\n",
        " The {ordinal} code is: {passkey}.",
        "\n\n",
        "What is the {ordinal} code?\n",
        "Code:",
    ),
    (
        "Read this story:\n",
        " Remember the {ordinal} key of the chest, it is: {passkey}.",
        "\n\nThe story ends here.\n\n",
        "Now, what is the {ordinal} key of the chest?\n",
        "Key:",
    ),
]


def run(*command):
    """A program's standard output."""
    command = [str(part) for part in command]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def configuration(name, model, subject, wording, lengths, passkeys, length, seed):
    """A run configuration that samples are drawn by; JSON is YAML."""
    prologue, needle, epilogue, question, lead_in = WORDINGS[wording]
    path = WORK / f"{name}.yaml"
    settings = {
        "name": name,
        "model": str(model),
        "seed": seed,
        "window": {"sink": 4, "recent": 32},
        "haystack": {"calibration": {"generator": subject}},
        "task": {
            "passkeys": passkeys,
            "length": length,
            "alphabet": WORDS,
            "prologue": prologue,
            "needle": needle,
            "epilogue": epilogue,
            "question": question,
            "answer_lead_in": lead_in,
        },
        "calibration": {
            "context_min": lengths[0],
            "context_max": lengths[1],
            "context_intervals": 8 if lengths[0] < lengths[1] else 1,
        },
        "evaluation": {"context": 4096},  # samples of it are not drawn
    }
    path.write_text(json.dumps(settings))
    return path


def import_folder(folder, path):
    """A folder as transformers writes it, as a model file."""
    run(ZIGZAG, "import", folder, path, "--quiet")


def save(model, tokenizer, folder):
    """Writes a folder that `zigzag import` reads."""
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def sizes(vocabulary):
    """The architecture: 8 layers of 6 query and 3 key-value heads."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=8,
        num_attention_heads=6,
        num_key_value_heads=3,
        head_dim=16,
        max_position_embeddings=4096,
        rms_norm_eps=1e-5,
        initializer_range=0.1,  # about 1 / √hidden: heads that look back form much earlier
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=None,
        attn_implementation="sdpa",
    )


def bytes_tokenizer():
    """Every byte a token: enough to see the texts."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {END: 0} | {letter: index + 1 for index, letter in enumerate(letters)}
    return dressed(Tokenizer(models.BPE(vocab=vocabulary, merges=[])))


def dressed(tokenizer):
    """Byte-level pre-tokenizer and decoder, as GPT-2 has them."""
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def learned_tokenizer():
    """Byte pairs learned from 800 samples' texts."""
    bare = bytes_tokenizer()
    save(LlamaForCausalLM(sizes(bare.get_vocab_size())), bare, WORK / "bytes")
    import_folder(WORK / "bytes", WORK / "bytes.h5")
    texts = []
    for subject in ("village", "coast"):
        for wording in range(len(WORDINGS)):
            path = configuration(
                "texts", WORK / "bytes.h5", subject, wording, (3000, 3000), 4, 8, SEED
            )
            texts.append(run(ZIGZAG, "samples", path, "--count", 100, "--quiet"))
    tokenizer = dressed(Tokenizer(models.BPE()))
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Words of passkeys count more, so that each becomes one token.
    tokenizer.train_from_iterator([*texts, *[f" {word}" for word in WORDS] * 200], trainer)
    return tokenizer


def sample_sets(lengths, kinds, count, seed):
    """Passkey samples of both subjects and all wordings: pairs of tokens and marks, (count, tokens)."""
    sets = []
    for subject in ("village", "coast"):
        for wording in range(len(WORDINGS)):
            for passkeys, length in kinds:
                seed += 1
                path = configuration(
                    "set", WORK / "start.h5", subject, wording, lengths, passkeys, length, seed
                )
                run(ZIGZAG, "samples", path, "--count", count, "--out", WORK / "set", "--quiet")
                sets.append((np.load(WORK / "set/tokens.npy"), np.load(WORK / "set/marks.npy")))
    return sets


def passkey_batch(sets, size, generator):
    """Tokens and targets of samples, and the mask of their answers; (size, tokens)."""
    tokens, marks = sets[generator.integers(len(sets))]
    rows = generator.integers(len(tokens), size=size)
    width = int((marks[rows] >= 0).sum(1).max())
    tokens, marks = tokens[rows, :width], marks[rows, :width]
    targets = np.where(marks >= 0, tokens, IGNORED)
    return np.where(marks >= 0, tokens, 0), targets, marks >= 2


def copy_batch(words, size, farthest, generator):
    """A row of different words somewhere in noise and the same row at the end: tokens, targets, mask."""
    length, gap = generator.integers(4, 17), generator.integers(0, farthest + 1)
    row = words[np.argsort(generator.random((size, len(words))))[:, :length]]
    noise = generator.integers(1, VOCABULARY, (size, gap))
    start = generator.integers(1, VOCABULARY, (size, generator.integers(1, 9)))
    tokens = np.concatenate([start, row, noise, row], axis=1)
    known = np.zeros(tokens.shape, bool)
    known[:, -length + 1 :] = True  # the first word of the copy follows from nothing
    return tokens, np.where(known, tokens, IGNORED), known


def loss_of(model, batch):
    """The loss, the answers' mattering more than the text's, and the answers' accuracy."""
    tokens, targets, answers = (torch.from_numpy(part) for part in batch)
    logits = model(tokens.long(), use_cache=False).logits[:, :-1].float()
    targets, answers = targets[:, 1:].long(), answers[:, 1:]
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    ).view_as(targets)
    others = (targets != IGNORED) & ~answers
    loss = losses[answers].mean()
    if others.any():
        loss = loss + 0.1 * losses[others].mean()
    correct = (logits.argmax(-1) == targets)[answers].float().mean()
    return loss, correct.item()


def stages(tokenizer):
    """Copies over growing distances, then samples of growing length between copies: name, steps, batch.

    Heads that find an earlier occurrence form on the copies, in a tenth of the time, and what forms at
    short distances grows with them.
    """
    generator = np.random.default_rng(SEED)
    encoded = [tokenizer.encode(f" {word}").ids for word in WORDS]
    words = np.array([ids[0] for ids in encoded if len(ids) == 1])
    print(f"{len(words)} of {len(WORDS)} passkey words are one token", flush=True)

    def copies(done):
        return copy_batch(words, 16, int(4 + 250 * max(done - 0.3, 0)), generator)

    result = [("copies", 3000, copies)]
    plan = [
        ("short", 1600, 12, (144, 224), [(1, 4), (2, 3), (2, 4)]),
        ("medium", 1200, 6, (256, 448), [(2, 8), (4, 4)]),
        ("long", 1200, 4, (448, 1024), [(4, 4), (4, 8)]),
    ]
    for number, (name, steps, size, lengths, kinds) in enumerate(plan):
        sets = sample_sets(lengths, kinds, 1000, SEED + 1000 * number)
        result.append((name, steps, mixed(sets, size, words, lengths[1], generator)))
    return result


def mixed(sets, size, words, farthest, generator):
    """Batches of samples, but copies every fourth time, so that what they taught stays."""
    turns = count()

    def batch(_):
        if next(turns) % 4 == 0:
            return copy_batch(words, size, farthest, generator)
        return passkey_batch(sets, size, generator)

    return batch


def rate(step, steps):
    """The learning rate: 100 steps up, then a cosine down to a twentieth."""
    return 2e-3 * min((step + 1) / 100, 0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)


def train(model, tokenizer):
    """Trains through all stages."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1, betas=(0.9, 0.98), weight_decay=0.05)
    plan = stages(tokenizer)
    total, step, begun = sum(steps for _, steps, _ in plan), 0, time.monotonic()
    for name, steps, batch in plan:
        accuracies = []
        for turn in range(1, steps + 1):
            for group in optimizer.param_groups:
                group["lr"] = rate(step, total)
            loss, accuracy = loss_of(model, batch(turn / steps))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
            step += 1
            accuracies.append(accuracy)
            if turn % 50 == 0:
                recent = sum(accuracies[-50:]) / 50
                minutes = (time.monotonic() - begun) / 60
                print(
                    f"{minutes:5.1f} min, {name} step {turn}: loss {loss.item():.3f}, answers "
                    f"{recent:.3f}",
                    flush=True,
                )


def main():
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "data/passkey.h5")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    tokenizer = learned_tokenizer()
    model = LlamaForCausalLM(sizes(tokenizer.get_vocab_size()))
    save(model, tokenizer, WORK / "start")
    import_folder(WORK / "start", WORK / "start.h5")
    train(model, tokenizer)
    save(model, tokenizer, WORK / "trained")
    import_folder(WORK / "trained", options.out)
    print(f"{options.out}: {model.num_parameters()} parameters")


if __name__ == "__main__":
    main()
