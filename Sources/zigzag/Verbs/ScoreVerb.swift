import ArgumentParser
import GateOptimizer
import Runs

/// `zigzag score`: scores of all heads by the field's methods.
struct ScoreVerb: SpreadVerb {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Score all heads by the methods of the field.",
    discussion: """
      Needs no gates. The methods ask on the same samples: documents, of which one holds what a question asks for. One \
      layer back and lazy attention take the samples of the search and of the calibration. \
      The scores section of the configuration has methods, samples and wording; --method asks for others. \
      `zigzag run` measures the maps of the scores that its configuration names.

        zigzag score configs/smollm2-135m.yaml --method qrhead --method retrieval-head
        zigzag score configs/smollm2-135m.yaml --set 'scores=[qrhead, kvzip, mean-qk]'
        zigzag score configs/vision.yaml --method multimodal --embeddings pages.h5
        zigzag rank runs/smollm2-135m/heads-qrhead.json --sparsity 0.5

      Methods: \(ScoreMethod.allCases.map(\.rawValue).joined(separator: ", ")). The path of each table of scores \
      (JSON) goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "A method instead of those of the configuration; may be repeated.", valueName: "method"))
  var method: [ScoreMethod] = []

  @Option(
    help: ArgumentHelp(
      "Questions on what a model sees: rows of its residual stream (docs/scores.md), instead of made ones.",
      valueName: "file.h5"))
  var embeddings: String?

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    var source = source
    try requireOnce(method.map(\.rawValue), "--method")
    if !method.isEmpty {
      source.overrides.append(
        "scores.methods=[\(method.map(\.rawValue).joined(separator: ", "))]")
    }
    if let embeddings {
      // As a text of YAML, whatever the path has in it.
      source.overrides.append("scores.embeddings='\(embeddings.replacing("'", with: "''"))'")
    }
    let (_, configuration) = try source.load()
    guard !configuration.scores.methods.isEmpty else {
      throw ToolError.usage(
        "the configuration names no methods in scores.methods; give --method "
          + "\(ScoreMethod.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let files = try source.runPipeline(to: .score)
    for method in configuration.scores.methods {
      try Results.print(files[.headScores(method)])
    }
  }
}

extension ScoreMethod: ExpressibleByArgument {}
