import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import ModelLoader

/// Options of verbs that look at what some query heads attend to.
struct HeadSetOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Query heads: a list such as 18-6,17-4 (layer-head, from 0), a file of scores, or all.",
      valueName: "set"))
  var heads: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many of a file's best heads are taken.", valueName: "n"))
  var top: Int?

  /// Reads the choice; scores that name another model are said in a warning.
  func choice(for loaded: LoadedModel) throws -> HeadChoice {
    let choice = try HeadChoice(heads, name: "--heads")
    guard let file = choice.file else {
      guard top == nil else {
        throw ToolError.usage("--top is for a file of scores, but --heads names the heads")
      }
      return choice
    }
    if case .scores(let scores) = file.content, let note = file.note(ofEqual: scores) {
      Logger(label: "heads").warning("\(note)")
    }
    // Heads of a model are tried on its relatives.
    if let differences = file.record?.identity.differences(from: loaded.identity),
      !differences.isEmpty
    {
      Logger(label: "heads").warning(
        "\(file.path) has scores of another model than \(loaded.path): \(differences.joined(separator: "; "))"
      )
    }
    return choice
  }

  func validate() throws {
    guard top.map({ (1...1_000_000).contains($0) }) ?? true else {
      throw ValidationError("--top must be 1 to 1000000")
    }
  }
}

/// Options of verbs that measure on samples that are made.
struct SyntheticOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Measure on so many samples that are made.", valueName: "n"))
  var synthetic: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Tokens of a made sample; 1024, or as many as the model has positions.", valueName: "tokens"))
  var context: Int?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Text files that samples are made of; generated prose without.", valueName: "file"))
  var texts: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The seed of what is made; 0 if none is given.", valueName: "n"))
  var seed: UInt64?

  /// The text of samples: prose that heads are not scored on, where no files are named.
  func haystack() throws(ToolError) -> HaystackSource {
    for path in texts where !FileManager.default.fileExists(atPath: path) {
      throw .missing(
        "\(path): there is no such text; name another with --texts, or none for generated prose")
    }
    return texts.isEmpty ? .generated(.coast) : .text(files: texts)
  }

  /// Tokens of a sample for a model of so many positions.
  func tokens(positions: Int) throws -> Int {
    guard (context ?? 1) <= positions else {
      throw ToolError.usage(
        "--context is \(context ?? 1); the model was made for at most \(positions) tokens")
    }
    return context ?? min(1024, positions)
  }

  func validate() throws {
    guard synthetic.map({ (1...1_000_000).contains($0) }) ?? true else {
      throw ValidationError("--synthetic must be 1 to 1000000")
    }
    guard (context ?? 1) >= 1 else { throw ValidationError("--context must be at least 1") }
    let others = [
      ("--context", context != nil), ("--texts", !texts.isEmpty), ("--seed", seed != nil),
    ]
    for (name, isGiven) in others where isGiven && synthetic == nil {
      throw ValidationError("\(name) goes with --synthetic: without it no sample is made")
    }
  }
}
