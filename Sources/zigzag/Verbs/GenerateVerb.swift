import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import MapReporter
import ModelLoader
import Runs
import Support
import Transformer

/// `zigzag generate`: what a model writes under a map, beside what it writes with full attention.
struct GenerateVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Write what a model says under a map, as a runtime would.",
    discussion: """
      Reads the prompt, then decodes token by token through the KV cache, which holds only what the map's \
      heads still see. The prompt ends where the text begins. Without --map and --streaming every head sees \
      the whole context. Tokens are the most likely ones unless --temperature says otherwise.

        zigzag generate models/smollm2-135m-instruct.h5 --prompt-file question.txt --chat chatml
        zigzag generate models/smollm2-135m-instruct.h5 --map headmap.json --phase decode \
      --prompt-file question.txt --chat chatml --compare

      With --compare full attention's text stands beside the map's, with the place where they part, tokens \
      per second, and bytes of the caches (float32 here).
      """)

  @Argument(help: "A model file (HDF5).")
  var model: String

  @Option(help: ArgumentHelp("A file with the prompt; - is standard input.", valueName: "file"))
  var promptFile: String?

  @Option(help: ArgumentHelp("The prompt itself.", valueName: "text"))
  var prompt: String?

  @Option(
    help: ArgumentHelp(
      "The form of chats: plain, chatml, llama3, mistral or gemma.", valueName: "form"))
  var chat = ChatForm.plain

  @OptionGroup var heads: PatternOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens that are generated at most.", valueName: "n"))
  var maxTokens = 256

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Draws tokens at this temperature, 0.01 to 100; without it the most likely token is taken.",
      valueName: "number"))
  var temperature: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Draws from the likeliest tokens that have so much of the probability together, above 0 up to 1.",
      valueName: "share"))
  var topP = 1.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The seed of what is drawn; 0 if none is given.", valueName: "n"))
  var seed: UInt64?

  @Option(help: ArgumentHelp("A text that ends the answer; may be repeated.", valueName: "text"))
  var stop: [String] = []

  @Flag(help: "Show full attention's text beside the map's.")
  var compare = false

  @Flag(help: "Print everything as JSON.")
  var json = false

  @OptionGroup var products: ProductOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    guard (promptFile == nil) != (prompt == nil) else {
      throw ValidationError("give the prompt by either --prompt-file or --prompt")
    }
    guard (1...1 << 20).contains(maxTokens) else {
      throw ValidationError("--max-tokens must be 1 to \(1 << 20)")
    }
    guard temperature.map({ (0.01...100).contains($0) }) ?? true else {
      throw ValidationError(
        "--temperature must be 0.01 to 100; without it the likeliest token is taken")
    }
    guard topP > 0, topP <= 1 else {
      throw ValidationError("--top-p must be above 0, and 1 at most")
    }
    guard topP == 1 || temperature != nil else {
      throw ValidationError("--top-p goes with --temperature: without it nothing is drawn")
    }
    guard seed == nil || temperature != nil else {
      throw ValidationError("--seed goes with --temperature: without it nothing is drawn")
    }
    guard !compare || heads.map != nil || heads.streaming != nil else {
      throw ValidationError("--compare goes with --map or --streaming: there is nothing to compare")
    }
  }

  func perform() throws {
    try products.apply()
    let loaded = try ModelFile.open(path: model)
    let (heads, deployment) = try heads.pattern(for: loaded)
    let source = try RunModel(loaded)
    let tokens = try promptTokens(source, loaded)
    let ending = TextEnding(
      tokens: source.endTokens.union(
        try chat.endTokens(of: source.tokenizer, at: "--chat")),
      texts: stop)
    let generator = TextGenerator(
      source, deployment: deployment, ending: ending, maximumTokens: maxTokens)
    let streams = !json && !compare
    let full =
      compare
      ? try write(
        generator, AttentionPattern.full(loaded.configuration).heads, tokens, streams: false)
      : nil
    let own = try write(generator, heads, tokens, streams: streams)
    try loaded.requireUnchanged()
    let result = GenerationResult(prompt: tokens.count, own: own, full: full, source.tokenizer)
    if json { return try Results.print(json: result) }
    for line in full == nil ? [] : result.comparison { try Results.print(line) }
    if full == nil { Logger(label: "generate").info("\(result.own.summary)") }
  }

  private func promptTokens(_ source: RunModel, _ loaded: LoadedModel) throws -> [Int32] {
    let text = try TokenizeInput.text(prompt, named: "--prompt", file: promptFile)
    let tokens =
      source.tokenizer.startTokens
      + source.tokenizer.encode(chat.prefix + text.text + chat.suffix)
    guard !tokens.isEmpty else {
      throw ToolError.badData("\(text.name): the prompt is empty; write something into it")
    }
    let positions = loaded.configuration.maxPositions
    guard tokens.count + maxTokens <= positions else {
      let room = positions - tokens.count
      throw ToolError.usage(
        "\(text.name) has \(tokens.count) tokens, and --max-tokens is \(maxTokens); \(model) was made for at "
          + "most \(positions): "
          + (room > 0 ? "set --max-tokens to \(room) or less" : "give a shorter prompt"))
    }
    return tokens
  }

  /// Generates, and writes the text as it comes.
  private func write(
    _ generator: TextGenerator, _ heads: HeadSet, _ tokens: [Int32], streams: Bool
  ) throws -> GeneratedText {
    let choice =
      temperature.map { TokenChoice.sampled(temperature: $0, topP: topP, seed: seed ?? 0) }
      ?? .greedy
    var shown = 0
    var failure: (any Error)?
    func show(_ text: String, isLast: Bool) throws {
      // Half a character is not shown, nor what may begin a text that ends the answer.
      let held = isLast ? 0 : (stop.map(\.utf8.count).max() ?? 1) - 1
      var whole = text[...]
      while !isLast, whole.last == "\u{FFFD}" { whole.removeLast() }
      let bytes = Array(whole.utf8)
      let end = bytes.count - held
      guard end > shown else { return }
      try Results.write(Data(bytes[shown..<end]))
      shown = end
    }
    let result = generator.generate(tokens, heads: heads, choice: choice) { text in
      guard streams else { return true }
      do {
        try show(text, isLast: false)
        return true
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
    if streams {
      try show(result.text, isLast: true)
      try Results.print("")
    }
    return result
  }
}

extension ChatForm: ExpressibleByArgument {}

/// What `generate` prints.
private struct GenerationResult: Encodable {
  struct Text: Encodable {
    let text: String
    let tokens: [Int32]
    let ended: String
    let promptSeconds: Double
    let tokensPerSecond: Double?
    let cacheBytes: Int

    init(_ text: GeneratedText) {
      self.text = text.text
      tokens = text.tokens
      ended = text.end.rawValue
      promptSeconds = text.promptSeconds
      // The first token is known when the prompt is read.
      tokensPerSecond =
        text.tokens.count > 1 && text.decodeSeconds > 0
        ? Double(text.tokens.count - 1) / text.decodeSeconds : nil
      cacheBytes = text.cacheBytes
    }

    private enum CodingKeys: String, CodingKey {
      case text, tokens, ended
      case promptSeconds = "prompt_seconds"
      case tokensPerSecond = "tokens_per_second"
      case cacheBytes = "cache_bytes"
    }

    var summary: String {
      let rate = tokensPerSecond.map { fixed($0, 1) } ?? "–"
      return
        "\(tokens.count) tokens, prompt \(fixed(promptSeconds, 2)) s, then \(rate) tokens a second, cache of "
        + "\(fixed(Double(cacheBytes) / 1e6, 1)) MB, ended by: \(ended)"
    }
  }

  let promptTokens: Int
  let own: Text
  let full: Text?
  /// The first token in which the texts differ, counted from 0; nil where they do not.
  let parts: Int?
  private let parted: (String, String)?

  private enum CodingKeys: String, CodingKey {
    case promptTokens = "prompt_tokens"
    case own = "map"
    case full
    case parts = "first_difference"
  }

  init(prompt: Int, own: GeneratedText, full: GeneratedText?, _ tokenizer: Tokenizer) {
    promptTokens = prompt
    self.own = Text(own)
    self.full = full.map(Text.init)
    guard let full, own.tokens != full.tokens else {
      (parts, parted) = (nil, nil)
      return
    }
    let place = zip(own.tokens, full.tokens).prefix { $0 == $1 }.count
    parts = place
    func rest(_ text: GeneratedText) -> String {
      tokenizer.decode(Array(text.tokens.dropFirst(place).prefix(8)), skipSpecialTokens: true)
    }
    parted = (rest(full), rest(own))
  }

  /// A text on one line, its line breaks as \\n.
  private func quoted(_ text: String) -> String {
    text.replacing("\n", with: "\\n").quotedForMessage
  }

  /// Both texts side by side, and what they took.
  var comparison: [String] {
    guard let full else { return [] }
    let place =
      if let parts, let parted {
        "They part at token \(parts): full attention goes on with \(quoted(parted.0)), the map with "
          + "\(quoted(parted.1))."
      } else {
        "They are the same."
      }
    return Columns.beside(("Full attention", full.text), ("The map", own.text))
      + ["", place, "Full attention: \(full.summary)", "The map: \(own.summary)"]
  }
}

/// Two texts beside each other.
private enum Columns {
  private static let width = 50

  static func beside(
    _ left: (title: String, text: String), _ right: (title: String, text: String)
  ) -> [String] {
    let columns = [left, right].map {
      [$0.title, String(repeating: "-", count: width)] + lines($0.text)
    }
    return (0..<max(columns[0].count, columns[1].count)).map { row in
      let parts = columns.map { row < $0.count ? $0[row] : "" }
      let padding = String(repeating: " ", count: max(0, width - parts[0].count))
      return parts[1].isEmpty ? parts[0] : parts[0] + padding + " | " + parts[1]
    }
  }

  /// The lines of a text, broken at blanks.
  private static func lines(_ text: String) -> [String] {
    text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).flatMap { line in
      var result: [String] = []
      var current = ""
      for word in line.split(separator: " ", omittingEmptySubsequences: false) {
        if !current.isEmpty, current.count + 1 + word.count > width {
          result.append(current)
          current = String(word)
        } else {
          current += (current.isEmpty ? "" : " ") + word
        }
        while current.count > width {
          result.append(String(current.prefix(width)))
          current = String(current.dropFirst(width))
        }
      }
      return result + [current]
    }
  }
}
