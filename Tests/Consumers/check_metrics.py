"""rouge-score, rapidfuzz and the benchmarks' definitions: 1,000 generated pairs of texts have the same scores."""

import json
import random
import re
import string
import subprocess
import tempfile
from collections import Counter

from rapidfuzz import fuzz
from rouge_score.rouge_scorer import RougeScorer

from exports import ROOT, expect, report

PAIRS, TOLERANCE = 1000, 1e-9
WORDS = (
    "a an the The red river Ada's north-west 42 4,200 naïve café cafe\u0301 ΟΔΟΣ οδος İstanbul straße "
    "東京 Ⅷ x_1 foo(bar) # // `code` return\u00a0x . , — … ½ \u200b U+1F98A 🦊 theatre another"
).split(" ")
CLASSES = ["red", "river", "red river", "north", "42", "the river"]


def text(source):
    """A few words, none at times, with other white space between them at times."""
    words = [source.choice(WORDS) for _ in range(source.choice([0, 1, 2, 3, 5, 9]))]
    return source.choice([" ", " ", "  ", "\n", "\t"]).join(words)


def pairs():
    """Texts with right answers, some of which share words with them."""
    source = random.Random(11)
    for index in range(PAIRS):
        own = text(source)
        answers = [text(source) or "x" for _ in range(source.choice([1, 1, 2, 4]))]
        if index % 5 == 0:
            answers[0] = own or "x"
        if index % 7 == 0:
            answers = [source.choice(CLASSES)]
            own += " " + " ".join(source.sample(CLASSES, source.choice([0, 1, 2, 3])))
        yield {"text": own, "answers": answers, "classes": CLASSES}


def normalized(answer):
    """SQuAD's normalisation."""
    answer = "".join(letter for letter in answer.lower() if letter not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", answer).split())


def f1(own, answer):
    """SQuAD's F1."""
    own, answer = normalized(own).split(), normalized(answer).split()
    common = sum((Counter(own) & Counter(answer)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(own), common / len(answer)
    return 2 * precision * recall / (precision + recall)


def classification(own, answer, classes):
    """LongBench's score of classes, with its loop over a list that grows shorter."""
    named = [name for name in classes if name in own]
    for name in named:
        if name in answer and name != answer:
            named.remove(name)
    return 1.0 / len(named) if answer in named else 0.0


def similarity(own, answer):
    """LongBench's score of code, with all digits."""
    line = ""
    for candidate in own.lstrip("\n").split("\n"):
        if "`" not in candidate and "#" not in candidate and "//" not in candidate:
            line = candidate
            break
    return fuzz.ratio(line, answer) / 100


ROUGE = RougeScorer(["rougeL"], use_stemmer=False)
METRICS = {
    "contains-all": lambda p: sum(a.lower() in p["text"].lower() for a in p["answers"]) / len(p["answers"]),
    "contains-any": lambda p: float(any(a.lower() in p["text"].lower() for a in p["answers"])),
    "exact": lambda p: max(float(normalized(p["text"]) == normalized(a)) for a in p["answers"]),
    "f1": lambda p: max(f1(p["text"], a) for a in p["answers"]),
    "rouge-l": lambda p: max(ROUGE.score(a, p["text"])["rougeL"].fmeasure for a in p["answers"]),
    "classification": lambda p: max(classification(p["text"], a, p["classes"]) for a in p["answers"]),
    "edit-similarity": lambda p: max(similarity(p["text"], a) for a in p["answers"]),
}


def main():
    lines = list(pairs())
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        file.flush()
        done = subprocess.run(
            [ROOT / ".build/release/score-answers", file.name], capture_output=True, text=True, check=True
        )
    head, *rows = [row.split("\t") for row in done.stdout.splitlines()]
    expect(head == list(METRICS) or set(head) == set(METRICS), f"metrics are {head}")
    expect(len(rows) == PAIRS, f"{len(rows)} scores of {PAIRS}")
    for line, row in zip(lines, rows):
        for name, value in zip(head, row):
            wanted = METRICS[name](line)
            expect(abs(float(value) - wanted) < TOLERANCE, f"{name} of {line} is {value}, expected {wanted}")
    scored = {name: sum(float(row[head.index(name)]) > 0 for row in rows) for name in head}
    expect(all(count > PAIRS / 20 for count in scored.values()), f"few scores above 0: {scored}")
    report("metrics of answers", ["rouge-score", "rapidfuzz"], f"{PAIRS} pairs of texts: seven metrics have the scores of rouge-score, rapidfuzz and the definitions")


main()
