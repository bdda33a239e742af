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
      """)

  @Argument(help: "A model file (HDF5).")
  var model: String

  @Option(help: ArgumentHelp("Token ids (.npy).", valueName: "ids.npy"))
  var tokens: String

  @Option(help: ArgumentHelp("A map that says which heads stream.", valueName: "headmap.json"))
  var map: String?

  @Option(
    help: ArgumentHelp(
      "Every head streams, seeing so many first and so many recent tokens.",
      valueName: "sink,recent"))
  var streaming: String?

  @Flag(help: "Write logits instead of hidden states.")
  var logits = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write.", valueName: "out.npy"))
  var out: String

  @OptionGroup var products: ProductOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    try products.apply()
    try OutputPath.require(out, otherThan: [model, tokens, map])
    let loaded = try ModelFile.open(path: model)
    let pattern = try pattern(for: loaded)
    let ids = try readTokens(loaded.configuration)
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

  private func pattern(for loaded: LoadedModel) throws -> AttentionPattern {
    let model = loaded.configuration
    guard map == nil || streaming == nil else {
      throw ToolError.usage("--map and --streaming say different things; keep one of them")
    }
    if let map {
      let logger = Logger(label: "forward")
      let read = try HeadMap.read(from: URL(fileURLWithPath: map))
      do {
        try read.check(
          against: model, identity: loaded.identity, mapName: map, modelName: self.model)
        if let question = read.model.openQuestion(of: map, against: loaded.identity) {
          logger.warning("\(question)")
        }
      } catch {
        switch error {
        // Comparing a map on a relative of its model is a use of this verb.
        case .otherWeights, .otherModel: logger.warning("\(error.description)")
        default: throw error
        }
      }
      return read.pattern
    }
    guard let streaming else { return .full(model) }
    let sizes = streaming.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard sizes.count == 2, let sink = sizes[0], let recent = sizes[1],
      SettingRange.sink.contains(sink), SettingRange.window.contains(recent)
    else {
      throw ToolError.usage(
        "--streaming is \(streaming.shown()); it must be two numbers such as 16,64, the second at least 1, "
          + "both at most \(SettingRange.window.upperBound)")
    }
    return .streaming(model, window: StreamingWindow(sink: sink, recent: recent))
  }
}
