import Foundation
import ModelLoader
import Support
import TestSupport
import Testing
import Transformer

@testable import GateOptimizer

/// Scores on rows of the residual stream, and files of them that are refused.
@Suite struct EmbeddingFileTests {
  private let scratch: TemporaryFolder
  private static let methods: [ScoreMethod] = [
    .queryFocused, .multimodal, .evaluator, .repetition, .meanQueryKey,
  ]

  init() throws { scratch = try TemporaryFolder() }

  /// An architecture whose vocabulary is that of a tokenizer of bytes.
  private static func bytes(_ configuration: ModelConfiguration) -> ModelConfiguration {
    var own = configuration
    own.vocabulary = 256
    return own
  }

  /// A model that sees: four pairs turn by time, height and width.
  private static func seeing(takeTurns: Bool = false) -> ModelConfiguration {
    var configuration = bytes(Architectures.qwen2)
    configuration.eachKind {
      $0.rotary?.sections = RotarySections(pairs: [1, 1, 2], takeTurns: takeTurns)
    }
    return configuration
  }

  private static func prompt(_ seed: UInt64, needle: Range<Int>? = nil) -> DocumentPrompt {
    var random = TestRandom(seed: seed)
    let documents = [3..<40, 45..<60, 60..<91]
    return DocumentPrompt(
      prefix: random.tokens(95, vocabulary: 256), query: random.tokens(21, vocabulary: 256),
      null: random.tokens(18, vocabulary: 256), documents: documents, gold: [0, 2],
      needles: needle.map { [$0] } ?? [documents[0], documents[2]], answer: nil, leadIn: [])
  }

  private static func arrays(
    _ name: String, _ decoder: DecoderModel, _ prompt: DocumentPrompt, needle: Range<Int>? = nil
  ) -> [String: HDF5Array] {
    EmbeddingSamples.sample(
      name, decoder,
      ["prefix": prompt.prefix, "query": prompt.query, "null": prompt.null],
      documents: prompt.documents, gold: prompt.gold, needles: needle.map { [$0] })
  }

  private func write(_ arrays: [String: HDF5Array]) throws -> EmbeddingFile {
    let path = scratch.path("rows.h5")
    try EmbeddingSamples.archive(arrays).write(to: path)
    return try EmbeddingFile(contentsOf: path)
  }

  private func scorer(_ decoder: DecoderModel) throws -> HeadScorer {
    var settings = ScoreSettings()
    // Two chunks.
    settings.chunk = 64
    settings.distances = 40
    return HeadScorer(
      decoder, tokenizer: try Tokenizer(json: TinyModel.tokenizer()), endTokens: [],
      settings: settings)
  }

  // MARK: Scores

  /// The rows of a file that are the embeddings of a prompt have its scores, bit for bit.
  @Test(arguments: Architectures.all)
  func embeddingsOfTokensScoreAsTheTokensDo(architecture: ModelConfiguration) throws {
    let decoder = RandomModel(Self.bytes(architecture), seed: 61).decoder
    let prompts = [Self.prompt(1), Self.prompt(2, needle: 46..<50)]
    let file = try write(
      Self.arrays("a", decoder, prompts[0]).merging(
        Self.arrays("b", decoder, prompts[1], needle: 46..<50)
      ) { $1 })
    let scorer = try scorer(decoder)
    let expected = try scorer.score(by: Self.methods, prompts) { _ in }
    var visited: [Int] = []
    let found = try scorer.score(by: Self.methods, file) { visited.append($0) }
    #expect(visited == [0, 1] && found == expected && found.count == Self.methods.count)
  }

  /// Places that are stated, and stated three times, are those that a text has; others are not.
  @Test(arguments: [false, true])
  func positionsThatAreStated(takeTurns: Bool) throws {
    let decoder = RandomModel(Self.seeing(takeTurns: takeTurns), seed: 62).decoder
    let prompt = Self.prompt(3)
    let scorer = try scorer(decoder)
    let expected = try scorer.score(by: Self.methods, [prompt]) { _ in }
    let rows = prompt.prefix.count
    func scores(
      axes: Int, moved: Int64 = 0, added: Float = 0
    ) throws -> [ScoreMethod: ScoredHeads] {
      var arrays = Self.arrays("a", decoder, prompt)
      for (name, start, count) in [
        ("prefix", 0, rows), ("query", rows, prompt.query.count), ("null", rows, prompt.null.count),
      ] {
        let places = (start..<start + count).map { Int64($0) }
        let all = (0..<axes).flatMap { axis in places.map { $0 + (axis == 2 ? moved : 0) } }
        arrays["a/\(name)_positions"] = .integers(
          all, shape: axes == 1 ? [count] : [axes, count])
      }
      let hidden = decoder.configuration.hidden
      arrays["a/prefix_additions"] = .floats(
        Array(repeating: added, count: rows * hidden), shape: [1, rows, hidden])
      return try scorer.score(by: Self.methods, try write(arrays)) { _ in }
    }
    #expect(try scores(axes: 1) == expected)
    #expect(try scores(axes: 3) == expected)
    // All of them moved turn what they turned: RoPE looks at differences.
    let moved = try scores(axes: 3, moved: 7)
    let added = try scores(axes: 3, added: 0.25)
    // What is repeated begins behind the last position of any axis.
    for method in Self.methods where method != .repetition {
      let (own, other) = (try #require(expected[method]), try #require(moved[method]))
      expectClose(
        other.scores.rows.joined().map(Float.init), Array(own.scores.rows.joined()),
        tolerance: 1e-3, "\(method)")
    }
    for method in Self.methods {
      let rows = try #require(added[method]).scores.rows
      let own = try #require(expected[method]).scores.rows
      #expect(rows[0] == own[0] && rows[1] != own[1], "\(method)")
    }
  }

  /// What the model repeats stands behind what it repeats, each part behind the last.
  @Test func rowsThatFollowHavePositionsOfTheirOwn() {
    let decoder = RandomModel(Self.seeing(), seed: 63).decoder
    let places = [[0, 1, 1, 1, 1, 3], [0, 1, 1, 2, 2, 3], [0, 1, 2, 1, 2, 3]]
    let tokens: [Int32] = [5, 6, 7, 8, 9, 10]
    let input = ResidualInput(decoder.embed(tokens, rows: .all(6)), positions: places)
    #expect(input.length(behind: 0) == 4 && input.length(behind: 9) == 4)
    let image = input.rows(1..<5, from: 4)
    #expect(image.positions == [[4, 4, 4, 4], [4, 4, 5, 5], [4, 5, 4, 5]])
    #expect(image.length(behind: 0) == 6)
    let joined = ResidualInput.joined([decoder.input([1, 2], positionsFrom: 4), image])
    #expect(
      joined.positions == [[4, 5, 4, 4, 4, 4], [4, 5, 4, 4, 5, 5], [4, 5, 4, 5, 4, 5]])
    #expect(ResidualInput.joined([input.rows(0..<2), input.rows(2..<6)]).isEqual(to: input))
    #expect(decoder.input(tokens).length(behind: 9) == 15)
  }

  // MARK: What is refused

  /// A change to a sound sample, and words of the sentence about it.
  struct Flaw: Sendable, CustomTestStringConvertible {
    let words: [String]
    let change: @Sendable (inout [String: HDF5Array]) -> Void
    var testDescription: String { words.joined(separator: ", ") }

    init(_ words: String..., change: @escaping @Sendable (inout [String: HDF5Array]) -> Void) {
      (self.words, self.change) = (words, change)
    }
  }

  private static func floats(_ shape: Int..., value: Float = 0.5) -> HDF5Array {
    .floats(Array(repeating: value, count: shape.reduce(1, *)), shape: shape)
  }

  private static func integers(_ values: Int64..., shape: [Int]? = nil) -> HDF5Array {
    .integers(values, shape: shape ?? [values.count])
  }

  static let flaws = [
    Flaw("/a/prefix", "floats of shape (rows, 20)", "float32s of shape [95, 21]") {
      $0["a/prefix"] = floats(95, 21)
    },
    Flaw("/a/prefix", "(rows, 20)", "float32s of shape [1900]") { $0["a/prefix"] = floats(1900) },
    Flaw("/a/prefix", "floats", "8-byte integers of shape [1, 20]") {
      $0["a/prefix"] = .integers(Array(repeating: 1, count: 20), shape: [1, 20])
    },
    Flaw("/a/prefix", "found nothing") { $0["a/prefix"] = nil },
    Flaw("/a/query", "at least one row") { $0["a/query"] = floats(0, 20) },
    Flaw("/a/query", "found nothing") { $0["a/query"] = nil },
    Flaw("/a/null", "found nothing") { $0["a/null"] = nil },
    Flaw("/a/null", "asks nothing", "N/A") { $0["a/null"] = $0["a/query"] },
    Flaw("/a/nul", "another name") { $0["a/nul"] = floats(1, 20) },
    Flaw("/a/prefix", "finite numbers", "nan at [1, 5]") {
      var values = [Float](repeating: 0.5, count: 95 * 20)
      values[25] = .nan
      $0["a/prefix"] = .floats(values, shape: [95, 20])
    },
    Flaw("/a/query", "finite numbers", "inf at [0, 0]") {
      $0["a/query"] = floats(3, 20, value: .infinity)
    },
    Flaw("/a/query", "finite numbers", "inf at [0, 0]") {
      $0["a/query"] = .doubles(Array(repeating: 1e300, count: 20), shape: [1, 20])
    },
    Flaw("/a", "at most 512 positions", "found 521") { $0["a/prefix"] = floats(500, 20) },
    Flaw("/a/documents", "found nothing") { $0["a/documents"] = nil },
    Flaw("/a/documents", "at least one span") {
      $0["a/documents"] = .integers([], shape: [0, 2])
    },
    Flaw("/a/documents", "shape (spans, 2)", "[2, 3]") {
      $0["a/documents"] = integers(0, 1, 1, 2, 2, 3, shape: [2, 3])
    },
    Flaw("/a/documents", "integers", "float32s of shape [1, 2]") {
      $0["a/documents"] = floats(1, 2)
    },
    Flaw("/a/documents: span 1", "rows from 0 to 95", "90 to 96") {
      $0["a/documents"] = EmbeddingSamples.spans([0..<9, 90..<96])
    },
    Flaw("/a/documents: span 0", "rows from 0 to 95", "-1 to 9") {
      $0["a/documents"] = integers(-1, 9, shape: [1, 2])
    },
    Flaw("/a/documents: span 0", "at least one", "9 to 9") {
      $0["a/documents"] = integers(9, 9, shape: [1, 2])
    },
    Flaw("/a/documents: span 0", "rows from 0 to 95", "9223372036854775807") {
      $0["a/documents"] = integers(.min, .max, shape: [1, 2])
    },
    Flaw("/a/documents: span 1", "behind the one before", "row 9", "8 to 20") {
      $0["a/documents"] = EmbeddingSamples.spans([0..<9, 8..<20])
    },
    Flaw("/a/gold", "found nothing") { $0["a/gold"] = nil },
    Flaw("/a/gold", "at least one document") { $0["a/gold"] = .integers([], shape: [0]) },
    Flaw("/a/gold", "from 0 to 2", "found 3") { $0["a/gold"] = integers(0, 3) },
    Flaw("/a/gold", "from 0 to 2", "found -1") { $0["a/gold"] = integers(-1) },
    Flaw("/a/gold", "each document once") { $0["a/gold"] = integers(1, 1) },
    Flaw("/a/gold", "[1, 1]") { $0["a/gold"] = integers(1, shape: [1, 1]) },
    Flaw("/a/needles: span 0", "rows from 0 to 95") {
      $0["a/needles"] = integers(94, 99, shape: [1, 2])
    },
    Flaw("/a/prefix_positions", "(95)", "mrope_section", "import the model again") {
      $0["a/prefix_positions"] = .integers(Array(repeating: 1, count: 285), shape: [3, 95])
    },
    Flaw("/a/prefix_positions", "integers of shape (95)", "[94]") {
      $0["a/prefix_positions"] = .integers(Array(repeating: 1, count: 94), shape: [94])
    },
    Flaw("/a/prefix_positions", "from 0 to 511", "found 512") {
      $0["a/prefix_positions"] = .integers(Array(repeating: 512, count: 95), shape: [95])
    },
    Flaw("/a/query_positions", "as the other rows have them", "found nothing") {
      $0["a/prefix_positions"] = .integers(Array(repeating: 1, count: 95), shape: [95])
    },
    Flaw("/a/prefix_positions", "as the other rows have them", "found nothing") {
      $0["a/query_positions"] = .integers(Array(repeating: 1, count: 21), shape: [21])
    },
    Flaw("/a/prefix_additions", "fewer layers than the model's 2", "[2, 95, 20]") {
      $0["a/prefix_additions"] = floats(2, 95, 20)
    },
    Flaw("/a/prefix_additions", "(layers, rows of the prefix, 20)", "[1, 94, 20]") {
      $0["a/prefix_additions"] = floats(1, 94, 20)
    },
    Flaw("/a/prefix_additions", "finite numbers", "inf at [0, 0, 0]") {
      $0["a/prefix_additions"] = floats(1, 95, 20, value: .infinity)
    },
    Flaw("/rows", "a group for a sample", "a dataset") { $0["rows"] = floats(1, 20) },
    Flaw("the file", "a group for each sample", "none") { $0 = [:] },
  ]

  @Test(arguments: flaws) func aFlawIsOneSentence(flaw: Flaw) throws {
    let decoder = RandomModel(Self.bytes(Architectures.qwen2), seed: 64).decoder
    var arrays = Self.arrays("a", decoder, Self.prompt(4))
    flaw.change(&arrays)
    try expectRefused(arrays, decoder.configuration, flaw.words)
  }

  /// Models that see and whose images would be read as text.
  @Test func whatImagesNeedIsRequired() throws {
    let decoder = RandomModel(Self.seeing(), seed: 65).decoder
    var arrays = Self.arrays("a", decoder, Self.prompt(5))
    try expectRefused(
      arrays, decoder.configuration,
      ["/a/prefix_positions", "(95) or (3, 95)", "time, height and width", "position_ids"])
    for (name, count) in [("prefix", 95), ("query", 21), ("null", 18)] {
      arrays["a/\(name)_positions"] = .integers(
        Array(repeating: 1, count: 3 * count), shape: [3, count])
    }
    _ = try write(arrays).sample(0, for: decoder.configuration, Self.methods)
    try expectRefused(
      arrays, Self.seeing(takeTurns: true), ["/a/prefix_additions", "DeepStack", "zeros"])
  }

  /// A query that asks nothing is needed by those that compare with it alone.
  @Test func nothingElseNeedsTheNullQuery() throws {
    let decoder = RandomModel(Self.bytes(Architectures.qwen2), seed: 66).decoder
    var arrays = Self.arrays("a", decoder, Self.prompt(6))
    arrays["a/null"] = nil
    let file = try write(arrays)
    #expect(try file.sample(0, for: decoder.configuration, [.evaluator, .repetition]).null == nil)
    #expect(try file.sizes() == [116])
  }

  @Test func otherFilesAreNamed() throws {
    let path = scratch.path("rows.h5")
    expectError(.missingInput, path) { _ = try EmbeddingFile(contentsOf: path) }
    for (bytes, words) in [("a text", "text"), ("GGUF", "a GGUF file"), ("", "an empty file")] {
      try scratch.write(bytes, to: "rows.h5")
      expectError(.badData, "an HDF5 file", words, "docs/scores.md") {
        _ = try EmbeddingFile(contentsOf: path)
      }
    }
    try TinyModel.write(to: path)
    expectError(.badData, "attribute format", "zigzag-embeddings", "zigzag-model") {
      _ = try EmbeddingFile(contentsOf: path)
    }
    try HDF5Archive(arrays: ["a/prefix": Self.floats(1, 2)]).write(to: path)
    expectError(.badData, "attribute format", "found nothing") {
      _ = try EmbeddingFile(contentsOf: path)
    }
    try HDF5Archive(
      attributes: ["format": .text("zigzag-embeddings"), "format_version": .integer(2)]
    ).write(to: path)
    expectError(.badData, "attribute format_version", "found 2") {
      _ = try EmbeddingFile(contentsOf: path)
    }
  }

  /// What is read later is what was checked before.
  @Test func aFileThatChangesIsNoticed() throws {
    let decoder = RandomModel(Self.bytes(Architectures.qwen2), seed: 67).decoder
    let file = try write(Self.arrays("a", decoder, Self.prompt(7)))
    _ = try write(Self.arrays("a", decoder, Self.prompt(8)))
    expectError(.missingInput, "was changed") {
      _ = try file.sample(0, for: decoder.configuration, Self.methods)
    }
  }

  private func expectRefused(
    _ arrays: [String: HDF5Array], _ model: ModelConfiguration, _ words: [String]
  ) throws {
    let path = scratch.path("rows.h5")
    try EmbeddingSamples.archive(arrays).write(to: path)
    do {
      let file = try EmbeddingFile(contentsOf: path)
      _ = try file.sample(0, for: model, Self.methods)
      Issue.record("no error")
    } catch {
      #expect(error.category == .badData)
      let sentence = error.description
      #expect(sentence.hasPrefix(path) && !sentence.contains("\n"))
      for word in words { #expect(sentence.contains(word), "\(word): \(sentence)") }
    }
  }
}
