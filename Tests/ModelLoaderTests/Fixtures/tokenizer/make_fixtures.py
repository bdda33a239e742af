"""Makes the fixtures of this folder with Hugging Face's `tokenizers` (0.23), the reference.

    python make_fixtures.py TEXT_FOLDER SMOLLM2.gguf

TEXT_FOLDER holds the *.txt that the small tokenizers learn from (any prose; it is not committed). The
SmolLM2 tokenizer is put together from the GGUF's metadata. Only needed to make the fixtures again.
"""
import glob
import json
import struct
import sys

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
VOCABULARY = 1000

strings = json.load(open("strings.json", encoding="utf8"))
corpus = [open(f, encoding="utf8", newline="").read() for f in sorted(glob.glob(sys.argv[1] + "/*.txt"))]
lines = [text[i : i + 4000] for text in corpus for i in range(0, len(text), 4000)] + strings * 20


def mixed_text(seed, pieces):
    """The same text as `TokenizerTestText.mixed` in Swift: strings and random characters."""
    mask, state, parts = (1 << 64) - 1, seed, []

    def random(bound):
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return (z ^ (z >> 31)) % bound

    planes = [0x80, 0x800, 0x3000, 0xD800, 0x20000, 0x110000]
    for _ in range(pieces):
        kind = random(8)
        if kind == 0:
            scalar = random(planes[random(6)])
            parts.append("?" if 0xD800 <= scalar < 0xE000 else chr(scalar))
        elif kind == 1:
            parts.append(str(random(10 ** (1 + random(9)))))
        elif kind == 2:
            parts.append(" " * (1 + random(6)))
        else:
            parts.append(strings[random(len(strings))])
            if kind < 6:
                parts.append(" ")
    return "".join(parts)


def fnv1a(data):
    """64-bit FNV-1a, as `TokenizerTestText.hash` in Swift."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return f"{value:016x}"


def special(*names):
    return [AddedToken(name, special=True, normalized=False) for name in names]


def byte_level(name):
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    model = models.BPE(ignore_merges=name == "llama3")
    tokenizer = Tokenizer(model)
    if name == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        names = ["<|endoftext|>"]
    elif name == "llama3":
        split = pre_tokenizers.Split(Regex(LLAMA3), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, whole])
        names = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
    else:
        split = pre_tokenizers.Split(Regex(QWEN2), "isolated")
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, whole])
        names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special(*names), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines, trainer)
    if name == "llama3":
        template = processors.TemplateProcessing(
            single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)],
            pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1")
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), template])
    if name == "gpt2":
        tokenizer.add_tokens([
            AddedToken("__init__", single_word=True, normalized=True),
            AddedToken("<mask>", lstrip=True, normalized=False),
            AddedToken("é", rstrip=True, normalized=True)])
    return tokenizer


def llama2():
    unknown = ["<unk>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    # Learnt on words, so that no merge reaches over a space; used on whole texts.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("▁+[^▁]*"), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY + 256, limit_alphabet=200, show_progress=False,
        special_tokens=unknown + [f"<0x{byte:02X}>" for byte in range(256)])
    tokenizer.train_from_iterator(lines, trainer)
    parts = json.loads(tokenizer.to_str())
    parts["pre_tokenizer"] = None
    parts["model"].update(byte_fallback=True, fuse_unk=True)
    parts["added_tokens"] = [token for token in parts["added_tokens"] if token["content"] in unknown]
    parts["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
        {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    tokenizer = Tokenizer.from_str(json.dumps(parts))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


def smollm2():
    fields = GGUFReader(sys.argv[2]).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    types = fields["tokenizer.ggml.token_type"].contents()
    tokenizer.add_special_tokens(special(*(t for t, kind in zip(tokens, types) if kind == 3)))
    return tokenizer


def write(name, tokenizer, pieces):
    text = mixed_text(seed=20240607, pieces=pieces)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    expected = {
        "strings": [tokenizer.encode(s, add_special_tokens=False).ids for s in strings],
        "decoded": [
            tokenizer.decode(tokenizer.encode(s, add_special_tokens=False).ids, skip_special_tokens=False)
            for s in strings],
        "withSpecialTokens": tokenizer.encode("Hello, world", add_special_tokens=True).ids,
        "mixed": {
            "seed": 20240607, "pieces": pieces, "bytes": len(text.encode()), "count": len(ids),
            "idsHash": fnv1a(struct.pack(f"<{len(ids)}i", *ids)),
            "decodedHash": fnv1a(decoded.encode())}}
    with open(f"{name}.expected.json", "w", encoding="utf8") as file:
        json.dump(expected, file, ensure_ascii=True, separators=(",", ":"))
    print(name, expected["mixed"])


for name in ["gpt2", "llama3", "qwen2", "llama2"]:
    tokenizer = llama2() if name == "llama2" else byte_level(name)
    with open(f"{name}.json", "w", encoding="utf8") as file:
        json.dump(json.loads(tokenizer.to_str()), file, ensure_ascii=False, separators=(",", ":"))
    write(name, tokenizer, 20_000)
write("smollm2", smollm2(), 120_000)
