import ArgumentParser
import GateOptimizer
import Logging
import MapReporter
import ModelLoader
import Runs
import Support
import Transformer

/// `zigzag compress`: a prompt without the tokens that some heads look at least, or what that costs.
struct CompressVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "compress",
    abstract: "Leave out tokens of a prompt that some heads do not look at, as EHPC does.",
    discussion: """
      The model is computed up to the heads' layer. The tokens that the prompt's last rows look at most, \
      averaged over neighbours, stay in their order; so do the last rows, which should be the question.

        zigzag compress models/smollm2-135m-instruct.h5 --heads heads-evaluator.json --tokens 512 report.txt \
      --question "What does the safe open with?"
        zigzag compress models/smollm2-135m-instruct.h5 --heads 17-4,17-6 --synthetic 30 --shares 0.5,0.25

      Of a file of scores the layer with the largest sum is taken, and its 8 best heads. --synthetic measures \
      how well passkeys are answered after compressed prompts, beside random and most recent tokens.
      """)

  @Argument(help: "A model file (HDF5).")
  var model: String

  @Argument(help: "The prompt (UTF-8); - is standard input.")
  var file: String?

  @OptionGroup var set: HeadSetOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens that stay, the last rows included.", valueName: "n"))
  var tokens: Int?

  @Option(
    help: ArgumentHelp(
      "A question that is put behind the prompt; all of it stays.", valueName: "text"))
  var question: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Last tokens that heads look from; they stay.", valueName: "n"))
  var rows = 16

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Neighbours that a token's score is averaged over.", valueName: "n"))
  var pool = 32

  @OptionGroup(title: "Measuring on samples that are made") var made: SyntheticOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Shares of the prompt's tokens that stay, with --synthetic; 0.5,0.25 unless given.",
      valueName: "share,share"))
  var shares: String?

  @Flag(help: "Print the ids and positions of the tokens, or the measurement, as JSON.")
  var json = false

  @OptionGroup var products: ProductOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    for (name, value) in [("--rows", rows), ("--pool", pool)] {
      guard (1...1 << 24).contains(value) else {
        throw ValidationError("\(name) must be 1 to \(1 << 24)")
      }
    }
    guard (file == nil) != (made.synthetic == nil) else {
      throw ValidationError("name a file with the prompt, or measure with --synthetic")
    }
    guard (file == nil) == (tokens == nil) else {
      throw ValidationError(
        file == nil
          ? "--tokens is for a prompt; --synthetic takes --shares"
          : "give --tokens, how many tokens of the prompt stay")
    }
    guard question?.contains(where: { !$0.isWhitespace }) ?? true else {
      throw ValidationError("--question must be a question, but is blank")
    }
    guard file != nil || question == nil else {
      throw ValidationError("--question is for a prompt; --synthetic has questions of its own")
    }
    guard file == nil || shares == nil else {
      throw ValidationError("--shares goes with --synthetic; a prompt takes --tokens")
    }
  }

  func perform() throws {
    try products.apply()
    let loaded = try ModelFile.open(path: model)
    let heads = try set.choice(for: loaded).headsOfOneLayer(
      set.top, of: loaded.configuration)
    let source = try RunModel(loaded)
    let choice = CompressionMeasurement.Choice(heads: heads, rows: rows, pool: pool)
    guard let file else { return try measure(source, choice, loaded) }
    let prompt = try CompressedPrompt(
      TokenizeInput.text(nil, file: file), question: question, tokens: tokens ?? 0, choice, source,
      positions: loaded.configuration.maxPositions)
    try loaded.requireUnchanged()
    if json {
      try Results.print(json: prompt)
    } else {
      try Results.print(prompt.text)
    }
    Logger(label: "compress").info(
      "kept \(prompt.kept.count) of \(prompt.tokens) tokens (\(fixed(prompt.share * 100, 1)) %) by \(counted(heads.count, "head")) of layer \(prompt.layer), computed up to it in \(fixed(prompt.seconds, 2)) s"
    )
  }

  private func measure(
    _ source: RunModel, _ choice: CompressionMeasurement.Choice, _ loaded: LoadedModel
  ) throws {
    let samples = made.synthetic ?? 1
    let context = try made.tokens(positions: loaded.configuration.maxPositions)
    let measurement = try CompressionMeasurement(
      source, choice, shares: try shareList(), context: context, haystack: made.haystack(),
      seed: made.seed ?? 0)
    let progress = ProgressMeter("compress", unit: "samples", total: samples)
    let points = try measurement.points(samples: samples) { progress.update($0) }
    try loaded.requireUnchanged()
    if json {
      return try Results.print(
        json: MeasuredResult(
          points, model: model, heads: choice.heads, samples: samples, context: context))
    }
    let names = choice.heads.map(\.description).joined(separator: ", ")
    try Results.print(
      "\(samples) \(samples == 1 ? "sample" : "samples, 95 % intervals"); heads \(names)")
    let rows = points.map { point in
      [
        MeasuredResult.title(point.method), fixed(point.share, 3), fixed(point.tokens, 1),
        IntervalText.share(point.accuracy),
      ]
    }
    for line in aligned([["kept by", "share", "tokens", "accuracy"]] + rows) {
      try Results.print(line)
    }
  }

  private func shareList() throws(ToolError) -> [Double] {
    let text = shares ?? "0.5,0.25"
    let list = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    let known = list.compactMap { $0 }.filter { $0 > 0 && $0 < 1 }
    guard known.count == list.count, known.count <= 100, Set(known).count == known.count else {
      throw .usage(
        "--shares is \(text.shown(limit: 100)); it must be shares between 0 and 1, each once, such as 0.5,0.25"
      )
    }
    return known
  }
}

/// What `compress --synthetic --json` prints.
private struct MeasuredResult: Encodable {
  struct Point: Encodable {
    let method: String
    let share: Double
    let tokens: Double
    let accuracy: Double
    /// The interval's ends; nil for one sample.
    let low: Double?
    let high: Double?
  }

  let model: String
  let heads: [String]
  let samples: Int
  let context: Int
  let points: [Point]

  init(
    _ points: [CompressionMeasurement.Point], model: String, heads: [HeadPlace], samples: Int,
    context: Int
  ) {
    (self.model, self.samples, self.context) = (model, samples, context)
    self.heads = heads.map(\.description)
    self.points = points.map { point in
      let ends = point.accuracy.hasInterval ? point.accuracy : nil
      return Point(
        method: point.method.rawValue, share: point.share, tokens: point.tokens,
        accuracy: point.accuracy.value, low: ends?.low, high: ends?.high)
    }
  }

  static func title(_ method: CompressionMeasurement.Method) -> String {
    switch method {
    case .full: "all tokens"
    case .heads: "heads"
    case .random: "random tokens"
    case .recent: "recent tokens"
    }
  }
}
