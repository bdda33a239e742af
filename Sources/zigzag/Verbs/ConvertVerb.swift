import ArgumentParser
import Foundation
import GateOptimizer
import MapReporter
import Support

/// `zigzag convert`: scores of heads in the files of other tools.
struct ConvertVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write scores of heads as another tool's file; without a format, list the best.",
    discussion: """
      SCORES is a file of `zigzag score`, or scores by Retrieval_Head, QRHead, MMRetHead or KVzip, or a table of gates. \
      Its content decides what it is.

        zigzag convert runs/smollm2-135m/heads-qrhead.json --top 16
        zigzag convert runs/smollm2-135m/heads-qrhead.json --format qrhead-set --format kvzip --out heads
        zigzag convert lme_llama3.1-8b.yaml --model Llama-3.1-8B-Instruct/config.json --format qrhead

      Formats:
      \(HeadScoreFormat.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))
      """)

  @Argument(help: "A file with scores of heads.")
  var scores: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("A format to write; may be repeated.", valueName: "format"))
  var format: [HeadScoreFormat] = []

  @Option(
    help: ArgumentHelp(
      "The scores' model, where a file names some heads only, or leaves key-value heads open.",
      discussion: "A model file, a Hugging Face folder or its config.json.", valueName: "model"))
  var model: String?

  @Option(help: "How query heads that share a key-value head become one number: max or mean.")
  var group = HeadScores.Grouping.max

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Heads that are listed, or that a set names.", valueName: "n"))
  var top = 16

  @Option(help: ArgumentHelp("The folder to write into.", valueName: "folder"))
  var out = "."

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    guard top >= 1 else { throw ToolError.usage("--top is \(top); it must be at least 1") }
    let sizes = try model.map { try HeadMap.Model(contentsOf: $0) }
    let file = try HeadScoreFile(contentsOf: scores)
    let record = try record(of: file, sizes)
    guard !format.isEmpty else { return try list(record.scores) }
    var options = HeadScoreFormat.Options()
    (options.grouping, options.count) = (group, top)
    // Nothing is written where one of the formats has no room.
    let files = try format.map { format in
      let path = URL(fileURLWithPath: out).appending(path: format.fileName).relativePath
      try OutputPath.require(path, otherThan: [scores, model])
      return (path, try format.bytes(of: record, options: options, file: path))
    }
    try AtomicFile.createFolder(out)
    for (path, bytes) in files {
      try AtomicFile.write(bytes, to: path)
      try Results.print(path)
    }
  }

  /// The scores, with what they were made of as far as the file says it.
  private func record(of file: HeadScoreFile, _ sizes: HeadMap.Model?) throws -> ScoreRecord {
    if let record = file.record { return record }
    let found = try file.scores(layers: sizes?.layers, queryHeads: sizes?.queryHeads)
    let heads = found.unit == .keyValue ? found.heads : sizes?.keyValueHeads ?? found.heads
    guard found.heads.isMultiple(of: heads), sizes.map({ $0.layers == found.layers }) ?? true else {
      throw ToolError.badData(
        "\(file.path) has \(found.layers) layers of \(found.heads) heads, which are not those of "
          + "\(model ?? "the model"); name the scores' own model")
    }
    return ScoreRecord(method: file.format.rawValue, scores: found, keyValueHeads: heads)
  }

  private func list(_ scores: HeadScores) throws {
    let unit = scores.unit == .query ? "query head" : "key-value head"
    try Results.print("\(scores.layers) layers of \(scores.heads) \(unit)s; the first \(top):")
    for (place, head) in scores.ranked.prefix(top).enumerated() {
      let value = scores.values[head.layer * scores.heads + head.head]
      try Results.print(
        "\(padded("\(place + 1)", to: 4))  \(padded(head.description, to: 7))  \(fixed(value, 6))")
    }
  }
}

extension HeadScoreFormat: ExpressibleByArgument {}
