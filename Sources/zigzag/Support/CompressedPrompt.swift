import GateOptimizer
import Runs
import Support

/// What `compress` makes of a prompt.
struct CompressedPrompt: Encodable {
  /// The tokens that stay as a text, without those that begin every text.
  let text: String
  /// The tokens that stay.
  let ids: [Int32]
  /// Their positions in the prompt, counted from 0.
  let kept: [Int]
  /// Tokens of the prompt.
  let tokens: Int
  /// The share of them that stays.
  let share: Double
  let layer: Int
  /// The heads, each as "layer-head".
  let heads: [String]
  /// Seconds that the model took up to the layer.
  let seconds: Double

  /// Compresses a text with its question to `count` tokens.
  ///
  /// - Throws: `ToolError` for an empty prompt or one that is too long, `GateOptimizerError` for a count that leaves
  ///   nothing to choose.
  init(
    _ given: TokenizeInput.Given, question: String?, tokens count: Int,
    _ choice: CompressionMeasurement.Choice, _ source: RunModel, positions: Int
  ) throws {
    let own = source.tokenizer.encode(given.text)
    guard !own.isEmpty else {
      throw ToolError.badData("\(given.name): the prompt is empty; write something into it")
    }
    let start = source.tokenizer.startTokens
    let asked = question.map { source.tokenizer.encode("\n\n" + $0) } ?? []
    let prompt = start + own + asked
    guard prompt.count <= positions else {
      throw ToolError.usage(
        "\(given.name) has \(prompt.count) tokens with its question; the model was made for at most \(positions): give a "
          + "shorter prompt")
    }
    let compression = PromptCompression(
      tokens: count, rows: choice.rows, pool: choice.pool, first: start.count,
      question: asked.count)
    try compression.validate(prompt: prompt.count, name: "--tokens")
    let begin = ContinuousClock.now
    let scores = choice.scores(source.decoder, prompt, compression)
    seconds = (ContinuousClock.now - begin) / .seconds(1)
    kept = compression.kept(prompt: prompt.count, by: scores)
    ids = kept.map { prompt[$0] }
    text = source.tokenizer.decode(Array(ids.dropFirst(start.count)))
    (tokens, share) = (prompt.count, Double(kept.count) / Double(prompt.count))
    (layer, heads) = (choice.heads.first?.layer ?? 0, choice.heads.map(\.description))
  }
}
