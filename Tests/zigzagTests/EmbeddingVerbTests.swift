import Foundation
import GateOptimizer
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Scores on embeddings through the tool: computed, kept, made again, measured, and refused.
@Suite struct EmbeddingVerbTests {
  private let scratch: TemporaryFolder
  private static let methods = ["qrhead", "multimodal", "evaluator", "kvzip", "mean-qk"]

  init() throws {
    scratch = try TemporaryFolder()
    try scratch.write(Self.configuration(EmbeddedModel.path), to: "run.yaml")
    try write("it's [rows].h5", seed: 1)
  }

  private static func configuration(_ model: String) -> String {
    ScoredRun.configuration(model, scores: "[\(methods.joined(separator: ", "))]")
  }

  /// Three samples of rows that are embeddings of random tokens.
  private func write(
    _ name: String, seed: UInt64, change: (inout [String: HDF5Array]) -> Void = { _ in }
  ) throws {
    let decoder = try ModelFile.open(path: EmbeddedModel.path).decoder
    var random = TestRandom(seed: seed)
    var arrays: [String: HDF5Array] = [:]
    for sample in ["a", "b", "c"] {
      let parts = ["prefix": 80, "query": 9, "null": 6].mapValues {
        random.tokens($0, vocabulary: decoder.configuration.vocabulary)
      }
      arrays.merge(
        EmbeddingSamples.sample(
          sample, decoder, parts, documents: [4..<30, 30..<44, 50..<77], gold: [1])
      ) { $1 }
    }
    change(&arrays)
    try EmbeddingSamples.archive(arrays).write(to: scratch.path(name))
  }

  private func record(_ method: String) throws -> ScoreRecord {
    try ScoreRecord(contentsOf: scratch.path("runs/small/heads-\(method).json"))
  }

  @Test func scoresAndTheirMaps() throws {
    let file = "it's [rows].h5"
    let outcome = try scratch.zigzag("score", "run.yaml", "--embeddings", file)
    #expect(outcome.code == 0, "\(outcome.errors)")
    for method in Self.methods {
      let record = try record(method)
      #expect(record.samples == 3 && record.seed == nil && record.scores.layers == 8)
      #expect(record.texts.keys.sorted() == [file] && record.texts[file]?.count == 64)
      #expect(record.settings["scores.embeddings"] == file)
      #expect(record.settings["scores.context"] == nil && record.settings["seed"] == nil)
      #expect(Set(record.scores.values).count > 4, "\(method)")
    }
    // Nothing is computed again, with another option that changes nothing either.
    let again = try scratch.zigzag(
      "score", "run.yaml", "--embeddings", file, "--set", "scores.context=200")
    #expect(again.code == 0 && !again.errors.contains("made again"), "\(again.errors)")
    // Another file under the same name is another question.
    let before = try scratch.text(of: "runs/small/heads-qrhead.json")
    try write(file, seed: 2)
    let other = try scratch.zigzag("score", "run.yaml", "--embeddings", file)
    #expect(other.code == 0 && other.errors.contains("made again"), "\(other.errors)")
    #expect(try scratch.text(of: "runs/small/heads-qrhead.json") != before)
    // A run names the file in its configuration.
    try scratch.write(
      Self.configuration(EmbeddedModel.path).replacing(
        "scores: [", with: "scores:\n  embeddings: \"\(file)\"\n  methods: ["), to: "run.yaml")
    let plan = try scratch.zigzag("run", "run.yaml", "--plan")
    #expect(plan.code == 0 && plan.output.contains("3 samples of 89 tokens"), "\(plan)")
    let run = try scratch.zigzag("run", "run.yaml", "-q")
    #expect(run.code == 0, "\(run.errors)")
    let curves = try scratch.text(of: "runs/small/curves.csv")
    for method in Self.methods {
      #expect(curves.contains("score:\(method):head-mixed,"), "\(method)")
    }
  }

  @Test(
    arguments: [
      (["--method", "retrieval-head"], ["scores.methods", "has retrieval-head", "needs tokens"]),
      (["--method", "qrhead", "--method", "one-layer-back"], ["has one-layer-back", "qrhead"]),
      (["--method", "one-layer-back-nll"], ["has one-layer-back-nll"]),
      (["--method", "lazy"], ["has lazy"]),
      (
        ["--method", "qrhead", "--set", "scores.file=questions.jsonl"],
        ["scores.embeddings", "scores.file", "take one of them out"]
      ),
      (["--embeddings="], ["--embeddings is empty"]),
    ])
  func aBadSettingIsOneSentence(arguments: [String], words: [String]) throws {
    let outcome = try ToolRunner.run(
      ["score", "run.yaml", "-q", "--embeddings", "it's [rows].h5"] + arguments, in: scratch.path)
    #expect(outcome.code == 64, "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    for word in words { #expect(outcome.errors.contains(word), "\(word): \(outcome.errors)") }
  }

  @Test func aBadFileIsOneSentence() throws {
    try write("bad.h5", seed: 3) { $0["b/gold"] = .integers([3], shape: [1]) }
    try scratch.write("{}", to: "text.h5")
    for (name, code, words) in [
      ("bad.h5", Int32(65), ["bad.h5: /b/gold", "from 0 to 2", "found 3"]),
      ("text.h5", 65, ["text.h5", "an HDF5 file", "text"]),
      ("none.h5", 66, ["none.h5", "there is no such"]), (".", 66, ["a folder"]),
      (EmbeddedModel.path, 65, ["attribute format", "zigzag-embeddings"]),
    ] {
      let outcome = try scratch.zigzag("score", "run.yaml", "-q", "--embeddings", name)
      #expect(outcome.code == code, "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
      for word in words { #expect(outcome.errors.contains(word), "\(word): \(outcome.errors)") }
    }
    let empty = try scratch.zigzag("score", "run.yaml", "-q", "--set", "scores.embeddings=''")
    #expect(empty.code == 64 && empty.errors.contains("scores.embeddings is empty"), "\(empty)")
    // What the model repeats comes behind what it was made for.
    let model = try ModelFile.open(path: EmbeddedModel.path).configuration
    let (rows, hidden) = (model.maxPositions - 20, model.hidden)
    try write("long.h5", seed: 4) {
      $0["a/prefix"] = .floats(Array(repeating: 0.5, count: rows * hidden), shape: [rows, hidden])
    }
    let long = try scratch.zigzag(
      "score", "run.yaml", "-q", "--embeddings", "long.h5", "--method", "kvzip")
    #expect(long.code == 64 && long.errors.contains("positions for sample 0"), "\(long.errors)")
  }

  /// Positions of images have axes, which `inspect` tells; without them images would be read as text.
  @Test func aModelOfSeveralAxesNeedsPositions() throws {
    var model = try ModelFile.open(path: EmbeddedModel.path).configuration
    let pairs = model.headDim / 2
    model.eachKind { $0.rotary?.sections = RotarySections(pairs: [pairs - 2, 1, 1]) }
    model.vocabulary = 256
    try TinyModel.write(model, to: scratch.path("seeing.h5"))
    let facts = try scratch.zigzag("inspect", "seeing.h5").output
    #expect(facts.contains("\(pairs - 2), 1, 1 pairs by time, height and width"), "\(facts)")
    try scratch.write(Self.configuration("seeing.h5"), to: "seeing.yaml")
    let outcome = try scratch.zigzag(
      "score", "seeing.yaml", "-q", "--embeddings", "it's [rows].h5")
    #expect(outcome.code == 65 && outcome.errors.contains("/a/prefix_positions"), "\(outcome)")
  }

  /// Images that see both ways are another model, which the family's name tells.
  @Test func gemmaIsRefused() throws {
    var model = Architectures.gemma3
    model.vocabulary = 256
    try TinyModel.write(model, to: scratch.path("gemma.h5"))
    try scratch.write(Self.configuration("gemma.h5"), to: "gemma.yaml")
    let outcome = try scratch.zigzag(
      "score", "gemma.yaml", "-q", "--embeddings", "it's [rows].h5")
    #expect(outcome.code == 64 && outcome.errors.contains("Gemma 3"), "\(outcome.errors)")
  }
}
