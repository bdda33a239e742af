"""What a consumer decodes, held against zigzag's own logits for the same tokens.

A consumer reads a sample up to its first question, and then question by question, and answers each by its
most probable tokens. Its own answers stay in the context. zigzag computes logits for the tokens that came of it
all at once, so every decoded token is compared without decoding here.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exports import expect, zigzag

LAYERS = 30
RETRIEVAL = [7, 8, 14, 15, *range(17, 25), 26, 28, 29]  # what a search of SmolLM2-135M found
QUESTION, ANSWERS = 1, (2, 3)  # in marks.npy
CONFIGURATION = Path(__file__).parent / "words.yaml"


def full_heads(attributes):
    """The map: a row per layer, a flag per key-value head."""
    layers = attributes["num_hidden_layers"]
    expect(layers == LAYERS, f"the map is of SmolLM2-135M with {LAYERS} layers, the model has {layers}")
    return [[layer in RETRIEVAL] * attributes["num_key_value_heads"] for layer in range(layers)]


@dataclass
class Sample:
    """The tokens of a context, then questions with their answers."""

    context: np.ndarray
    questions: list
    answers: list


def read_samples(model, count):
    """The first `count` samples, as zigzag makes them."""
    with tempfile.TemporaryDirectory(prefix="zigzag-samples-") as folder:
        zigzag(
            "samples", CONFIGURATION, "--set", f"model={model}", "--task", "words", "--count", count, "--out", folder
        )
        return [
            split(tokens, marks)
            for tokens, marks in zip(np.load(f"{folder}/tokens.npy"), np.load(f"{folder}/marks.npy"))
        ]


def split(tokens, marks):
    """One sample in its parts; what is behind the last answer is dropped."""
    asked = np.isin(marks, ANSWERS)
    edges = np.flatnonzero(np.diff(asked.astype(int))) + 1
    starts, ends = edges[::2], edges[1::2]
    boundary = int(np.flatnonzero(marks == QUESTION)[0])
    return Sample(
        context=tokens[:boundary],
        questions=[tokens[a:b] for a, b in zip([boundary, *ends], starts)],
        answers=[tokens[a:b] for a, b in zip(starts, ends)],
    )


@dataclass
class Decoded:
    """What a consumer made of a sample: its answers, and the logits (vocabulary) that chose each token."""

    sample: Sample
    answers: list
    logits: list

    @property
    def tokens(self):
        """Context, questions and the consumer's answers."""
        parts = [part for pair in zip(self.sample.questions, self.answers) for part in pair]
        return np.concatenate([self.sample.context, *parts]).astype(np.int32)

    @property
    def chosen(self):
        """The positions whose logits chose a token of an answer."""
        positions, end = [], len(self.sample.context)
        for question, answer in zip(self.sample.questions, self.answers):
            end += len(question)
            positions += range(end - 1, end - 1 + len(answer))
            end += len(answer)
        return positions


def logits(model, tokens, document, *boundary):
    """zigzag's logits (tokens, vocabulary) under a map; the boundary where it has one."""
    with tempfile.TemporaryDirectory(prefix="zigzag-answers-") as folder:
        folder = Path(folder)
        np.save(folder / "ids.npy", tokens)
        (folder / "headmap.json").write_text(json.dumps(document))
        zigzag(
            "forward", model, "--tokens", folder / "ids.npy", "--map", folder / "headmap.json", "--logits",
            "--out", folder / "logits.npy", "--quiet", *(word for place in boundary for word in ("--boundary", place)),
        )
        return np.load(folder / "logits.npy")


@dataclass(frozen=True)
class Agreement:
    """How a consumer's logits and most probable tokens agree with zigzag's.

    `error` is the largest difference, and each of `gaps` belongs to a position where the most probable tokens
    differ: by how much the consumer prefers its own. Both are relative to the position's largest logit.
    """

    tokens: int = 0
    error: float = 0
    gaps: tuple = ()

    def add(self, found, expected):
        """With more positions: the consumer's logits and zigzag's, (positions, vocabulary) both."""
        expect(len(found) == len(expected), f"{len(found)} positions instead of {len(expected)}")
        return sum((Agreement.at(*pair) for pair in zip(found, expected)), self)

    @staticmethod
    def at(found, expected):
        """At one position."""
        scale = np.abs(expected).max()
        theirs, ours = found.argmax(), expected.argmax()
        gaps = () if theirs == ours else (float((found[theirs] - found[ours]) / scale),)
        return Agreement(1, float(np.abs(found - expected).max() / scale), gaps)

    def __add__(self, other):
        return Agreement(self.tokens + other.tokens, max(self.error, other.error), self.gaps + other.gaps)

    def expect_close(self, tolerance, where):
        """All logits within the tolerance, and all tokens the same but for ties: a gap within twice that."""
        expect(
            self.error <= tolerance and max(self.gaps, default=0) <= 2 * tolerance,
            f"{where}: {self}; logits differ by {self.error:.1e} of the largest",
        )

    def expect_apart(self, tolerance, where):
        """Logits further apart than that: otherwise the comparison could not fail."""
        expect(self.error > tolerance, f"{where} differs by only {self.error:.1e}: nothing is checked")

    def __str__(self):
        gaps = ", ".join(f"{gap:.1e}" for gap in sorted(self.gaps))
        return f"{self.tokens - len(self.gaps)} of {self.tokens} decoded tokens" + (f" (gaps {gaps})" if gaps else "")
