import ArgumentParser
import Foundation
import GateOptimizer
import Logging
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
    help: ArgumentHelp(
      "Heads that are listed, or that a set names; 16, or all of a set.", valueName: "n"))
  var top: Int?

  @Option(help: ArgumentHelp("The folder to write into.", valueName: "folder"))
  var out = "."

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    if let top, top < 1 { throw ToolError.usage("--top is \(top); it must be at least 1") }
    try requireOnce(format.map(\.rawValue), "--format")
    let sizes = try model.map { try HeadMap.Model(contentsOf: $0) }
    let file = try HeadScoreFile(contentsOf: scores)
    let record = try record(of: file, sizes)
    let ranked = file.ranked(in: record.scores)
    if let top, top > ranked.count {
      throw ToolError.usage(
        "--top is \(top), but \(file.path) has \(ranked.count) heads; ask for no more")
    }
    let best = ranked.prefix(top ?? file.usualCount)
    guard !format.isEmpty else { return try list(record.scores, best) }
    var options = HeadScoreFormat.Options()
    (options.grouping, options.count, options.heads) = (group, best.count, ranked)
    if !format.allSatisfy(\.namesSome), let note = file.note(ofOthersIn: record.scores) {
      Logger(label: "convert").warning("\(note)")
    }
    // Nothing is written where one of the formats has no room.
    let files = try format.map { format in
      let path = URL(fileURLWithPath: out).appending(path: format.fileName).relativePath
      try OutputPath.require(path, otherThan: [scores, model])
      return (path, try format.bytes(of: record, options: options, file: scores))
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
    let needing = format.first { $0.isOfQueryHeads != true }
    let found = try file.scores(layers: sizes?.layers, queryHeads: sizes?.queryHeads)
    if found.unit == .query, sizes == nil, let needing {
      throw ToolError.usage(
        "\(file.path) has scores of query heads, and \(needing.rawValue) needs to know how many share a key-value head; "
          + "give the scores' model with --model")
    }
    let heads = found.unit == .keyValue ? found.heads : sizes?.keyValueHeads ?? found.heads
    guard found.heads.isMultiple(of: heads), sizes.map({ $0.layers == found.layers }) ?? true else {
      throw ToolError.badData(
        "\(file.path) has \(found.layers) layers of \(found.heads) heads, which are not those of "
          + "\(model ?? "the model"); name the scores' own model")
    }
    return ScoreRecord(method: file.format.rawValue, scores: found, keyValueHeads: heads)
  }

  private func list(_ scores: HeadScores, _ heads: ArraySlice<HeadPlace>) throws {
    let unit = scores.unit == .query ? "query" : "key-value"
    try Results.print(
      "\(counted(scores.layers, "layer")) of \(counted(scores.heads, "\(unit) head")); the first \(heads.count):"
    )
    for (place, head) in heads.enumerated() {
      let value = scores.values[head.layer * scores.heads + head.head]
      try Results.print(
        "\(padded("\(place + 1)", to: 4))  \(padded(head.description, to: 7))  \(fixed(value, 6))")
    }
  }
}

extension HeadScoreFormat: ExpressibleByArgument {}
