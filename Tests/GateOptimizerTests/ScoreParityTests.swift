import GateOptimizer
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Head scores of SmolLM2-135M against attention weights of PyTorch in float64.
///
/// The prompt has five documents of 200 tokens and a query; its needle of six tokens stands in the second.
@Suite(
  .enabled(
    if: Reference.model != nil, "needs models/smollm2-135m-instruct.h5, which make test fetches"))
struct ScoreParityTests {
  private let decoder: DecoderModel
  private let tokens: [Int32]
  private static let (query, needle) = (1001, 370..<376)
  private static let documents = (0..<5).map { $0 * 200..<($0 + 1) * 200 } + [needle]

  init() throws {
    decoder = try ModelFile.open(path: Reference.model ?? "").decoder
    tokens = try NumpyFile.readInt32(path: Self.path("input_ids")).values
  }

  private static func path(_ name: String) -> String {
    "\(Reference.fixtures)/scores/\(name).npy"
  }

  private func expected(_ name: String) throws -> [Double] {
    try NumpyFile.readFloats(path: Self.path(name)).values.map(Double.init)
  }

  private func distance(_ found: [Double], _ expected: [Double]) -> Double {
    let parts = zip(found, expected).reduce((0.0, 0.0)) {
      ($0.0 + ($1.0 - $1.1) * ($1.0 - $1.1), $0.1 + $1.1 * $1.1)
    }
    return (parts.0 / parts.1).squareRoot()
  }

  @Test(arguments: [("qr", true), ("mm", false)])
  func documentsGetWhatTheyGetInTheReference(name: String, masksFaint: Bool) throws {
    let null = try NumpyFile.readInt32(path: Self.path("null_ids")).values
    let prefix = Array(tokens[..<Self.query])
    #expect(Array(null[..<Self.query]) == prefix)
    let both = AttentionScores(decoder).documents(
      decoder.input(prefix), query: decoder.input(Array(tokens[Self.query...])),
      null: decoder.input(Array(null[Self.query...])), Self.documents)
    let scores = masksFaint ? both.masked : both.plain
    // The reference has documents last, (L, H, documents).
    let layers = scores[0].indices
    let found = layers.flatMap { layer in
      scores[0][layer].indices.flatMap { head in scores.map { $0[layer][head] } }
    }
    let expected = try expected(name)
    #expect(found.count == expected.count)
    #expect(distance(found, expected) <= 1e-4, "\(distance(found, expected))")
  }

  @Test func evaluatorHeads() throws {
    let last = tokens.count - 16
    let scores = AttentionScores(decoder).needle(
      decoder.input(Array(tokens[..<last])), last: decoder.input(Array(tokens[last...])),
      [Self.needle])
    let expected = try expected("evaluator")
    #expect(scores.joined().count == expected.count)
    #expect(distance(Array(scores.joined()), expected) <= 1e-4)
  }

  /// Counts, so exactly.
  @Test func retrievalHeads() throws {
    let result = AttentionScores(decoder).copies(
      tokens, needle: Self.needle, maximumTokens: 50, isEnd: { $0 == 198 })
    #expect(result.generated == [216, 39, 36, 39, 34, 34, 30, 198])
    let expected = try expected("retrieval_head")
    #expect(
      result.scores.joined().map { ($0 * 6).rounded() } == expected.map { ($0 * 6).rounded() })
  }
}
