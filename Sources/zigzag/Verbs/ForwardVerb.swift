import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import MapReporter
import ModelLoader
import Support
import Transformer

/// `zigzag forward`: a model's output on given tokens, to compare with other implementations.
struct ForwardVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "forward",
    abstract: "Write final hidden states or logits for given tokens.",
    discussion: """
      Reads token ids from a NumPy file (.npy: integers, one dimension) and writes the hidden states \
      after the final norm, (tokens, hidden), or the logits, (tokens, vocabulary), as float32 .npy. \
      Without --map and --streaming every head sees the whole context.

        zigzag forward models/smollm2-135m-instruct.h5 --tokens ids.npy --out hidden.npy
        zigzag forward models/smollm2-135m-instruct.h5 --tokens ids.npy --map headmap.json \
      --logits --out logits.npy
        zigzag forward models/smollm2-135m-instruct.h5 --tokens ids.npy --streaming 16,64 \
      --out hidden.npy

      Where heads do not stream everywhere, --boundary says where the prompt ends.

        zigzag forward models/smollm2-135m-instruct.h5 --tokens ids.npy --streaming 16,64 \
      --phase decode --boundary 437 --out hidden.npy
      """)

  @Argument(help: "A model file (HDF5).")
  var model: String

  @Option(help: ArgumentHelp("Token ids (.npy).", valueName: "ids.npy"))
  var tokens: String

  @OptionGroup var heads: PatternOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Tokens of the prompt, where heads do not stream everywhere.", valueName: "tokens"))
  var boundary: Int?

  @Flag(help: "Write logits instead of hidden states.")
  var logits = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write.", valueName: "out.npy"))
  var out: String

  @OptionGroup var products: ProductOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    try products.apply()
    try OutputPath.require(out, otherThan: [model, tokens, heads.map])
    let loaded = try ModelFile.open(path: model)
    let (heads, deployment) = try heads.pattern(for: loaded)
    let ids = try readTokens(loaded.configuration)
    let pattern = AttentionPattern(
      heads, deployment.rule(boundary: try promptEnd(in: ids.count, deployment)))
    let decoder = loaded.decoder
    try checkValues()
    let hidden = decoder.finalHidden(ids, pattern: pattern)
    let result = logits ? decoder.logits(hidden) : hidden
    try loaded.requireUnchanged()
    try requireFinite(result)
    try NumpyFile.write(result.values, shape: [result.rows, result.columns], to: out)
    try Results.print("\(out): \(result.rows) × \(result.columns)")
  }

  /// Reads every weight once, as a run does: of a value that is none only some outputs would tell.
  private func checkValues() throws {
    let progress = ProgressMeter("check", unit: "MB", total: 0)
    try ModelFile.requireSound(path: model) { done, total in
      // A small file is read before anybody would look.
      guard total > 100_000_000 else { return }
      progress.update(done / 1_000_000, of: total / 1_000_000)
    }
  }

  private func requireFinite(_ result: borrowing Tensor) throws {
    let columns = result.columns
    guard let place = result.values.firstIndex(where: { !$0.isFinite }) else { return }
    throw ToolError.badData(
      "\(model) makes \(result.values[place].isNaN ? "NaN" : "infinity") of token \(place / columns), counted from 0: its weights are "
        + "finite, but what they compute is not; import the model again, and check its rms_norm_eps"
    )
  }

  private func readTokens(_ model: ModelConfiguration) throws -> [Int32] {
    let ids = try NumpyFile.readTokens(path: tokens, vocabulary: model.vocabulary)
    guard ids.count <= model.maxPositions else {
      throw ToolError.usage(
        "\(tokens) has \(ids.count) tokens; \(self.model) was made for at most "
          + "\(model.maxPositions)")
    }
    return ids
  }

  /// Where the prompt ends; anywhere if that decides nothing.
  private func promptEnd(in tokens: Int, _ deployment: Deployment) throws -> Int {
    guard deployment.phase != .everywhere else {
      guard boundary == nil else {
        throw ToolError.usage(
          "--boundary is given, but heads stream everywhere, so that the end of the prompt decides "
            + "nothing; leave it out, or name another --phase")
      }
      return 0
    }
    guard let boundary, (1...tokens).contains(boundary) else {
      throw ToolError.usage(
        "--boundary is \(boundary.map { "\($0)" } ?? "missing"); heads stream in phase "
          + "\(deployment.phase.rawValue), so give the tokens of the prompt, 1 to \(tokens)")
    }
    return boundary
  }
}
