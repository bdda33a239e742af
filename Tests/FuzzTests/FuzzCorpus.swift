import Foundation
import TestSupport

/// The sound files that damage starts from.
enum FuzzCorpus {
  private static let tests = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()

  /// A fixture of another test target, such as `ModelLoaderTests/Fixtures/types.gguf`.
  static func fixture(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: tests.appending(path: path)))
  }

  /// The files of a folder of fixtures, by name, in byte order.
  static func fixtures(in folder: String) throws -> [(name: String, bytes: [UInt8])] {
    let names = try FileManager.default.contentsOfDirectory(
      atPath: tests.appending(path: folder).path)
    return try names.sorted().map { ($0, try fixture("\(folder)/\($0)")) }
  }

  /// What `write` puts into a file whose name has the given ending.
  static func file(_ write: (_ path: String) throws -> Void) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try write(folder.path("seed"))
    return [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.path("seed"))))
  }

  /// A byte-level tokenizer with every part that one can have.
  static let byteLevelTokenizer = #"""
    {"version": "1.0", "truncation": null, "padding": null,
     "added_tokens": [
      {"id": 9, "content": "<|end|>", "special": true, "normalized": false, "single_word": false},
      {"id": 10, "content": "é!", "normalized": true, "lstrip": true, "rstrip": true},
      {"id": 12, "content": "word", "single_word": true}],
     "normalizer": {"type": "NFC"},
     "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
       "behavior": "Isolated", "invert": false},
      {"type": "Digits", "individual_digits": true},
      {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}]},
     "post_processor": {"type": "Sequence", "processors": [
      {"type": "ByteLevel", "trim_offsets": false},
      {"type": "TemplateProcessing",
       "single": [{"SpecialToken": {"id": "<|end|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
       "special_tokens": {"<|end|>": {"id": "<|end|>", "ids": [9], "tokens": ["<|end|>"]}}}]},
     "decoder": {"type": "ByteLevel"},
     "model": {"type": "BPE", "dropout": null, "unk_token": "a", "fuse_unk": false, "byte_fallback": false,
      "ignore_merges": true, "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ã": 4, "©": 5, "Ġa": 6, "aba": 7, "1": 8},
      "merges": ["a b", "Ġ a", ["ab", "a"]]}}
    """#

  /// A tokenizer over characters, as SentencePiece's are written.
  static let sentencePieceTokenizer = #"""
    {"version": "1.0",
     "added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true}],
     "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
     "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
     "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
     "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
      {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
      {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
     "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
      "vocab": {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "<0xC3>": 3, "▁": 4, "a": 5, "b": 6, "▁a": 7, "ab": 8},
      "merges": ["▁ a", "a b"]}}
    """#

  /// A run configuration with every section.
  static let configuration = #"""
    # A comment.
    name: small-run_1.0
    model: models/m.h5
    seed: 7
    window: {sink: 16, recent: 64}
    haystack:
      calibration: {files: [a.txt, "b c.txt"]}
      evaluation: {generator: coast}
    task: &task
      kind: words
      passkeys: 4
      length: 8
      alphabet: [apple, bridge, 'candle', "desert"]
      prologue: |
        A text.
      needle: " The {ordinal} one is: {passkey}."
      question: >-
        What is the {ordinal} one?
      answer_lead_in: "It is:"
      depth_range: [0.05, 0.95]
    calibration:
      steps: 160
      context_min: 1000
      context_max: 1024
      learning_rate: 2e-2
      regularization: .05
      warmup: 0.2
      batch: 1
    ranking:
      criteria: [max, balance, lost, count, "weighted:0.5", "weighted-count:0.5"]
      sparsities: [0.1, 0.25, 1]
    evaluation:
      samples: 12
      context: 1024
      bootstrap: 100
      random_layer_seeds: [1, 2]
      tasks:
        - {name: words, preset: held-out-words}
        - name: own
          task: *task
    report: {kept_fraction: 0.95}
    compute: {memory_budget: 60%, teacher_cache: 4GiB, teacher_cache_on_disk: no}
    """#
}
