import ArgumentParser
import MapReporter
import Runs

/// `zigzag samples`: what gates are learned on, to read or to use elsewhere.
struct SamplesVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "samples",
    abstract: "Show the samples of a run, or write them as NumPy arrays.",
    discussion: """
      Without --out the texts go to standard output. With it, two int32 arrays (samples, tokens) are \
      written: tokens.npy, and marks.npy with 0 text, 1 question, 2 answer, 3 answer where a word or \
      digit begins; both are -1 after the end of a shorter sample. A sample depends on nothing but the \
      configuration, the tokenizer and its index.

        zigzag samples configs/smollm2-135m.yaml --count 1
        zigzag samples configs/smollm2-135m.yaml --task words --count 100 --out samples
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(
    help: ArgumentHelp(
      "An evaluation task. Without it: the samples on which gates are learned.", valueName: "name"))
  var task: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("The first sample.", valueName: "index"))
  var first = 0

  @Option(parsing: .unconditional, help: ArgumentHelp("How many.", valueName: "n"))
  var count = 1

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write.", valueName: "folder"))
  var out: String?

  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    guard (0...1_000_000_000).contains(first), (1...1_000_000).contains(count) else {
      throw ValidationError("--first must be 0 or more and --count 1 to 1000000")
    }
  }

  func perform() throws {
    let (document, configuration) = try source.load()
    let set = try SampleSet(
      configuration, document: document, task: task, indices: first..<first + count)
    if let out {
      for name in SampleSet.files {
        try OutputPath.require(
          "\(out)/\(name)",
          otherThan: [source.config, source.from, configuration.model] + configuration.textFiles)
      }
      try set.write(to: out)
      try Results.print("\(out): \(set.samples.count) samples")
      return
    }
    for index in set.samples.indices {
      let sample = set.samples[index]
      try Results.print(
        "# sample \(first + index): \(sample.length) tokens, \(sample.labelRows.count) label rows\n"
      )
      try Results.print(set.text(index))
    }
  }
}
