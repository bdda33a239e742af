import ArgumentParser
import Foundation
import Logging
import ModelLoader
import Support

/// `zigzag tokenize`: a text as the tokens a model sees, and back.
struct TokenizeVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Show a text as token ids and pieces, or ids as a text.",
    discussion: """
      MODEL is a model file, a Hugging Face folder, a tokenizer.json or a .gguf file. The text comes \
      from --text, from FILE, or from standard input. A line per token: the place of its first \
      byte in the decoded text, its id, its spelling in the vocabulary, its text.

        zigzag tokenize models/smollm2-135m-instruct.h5 --text "What is the passkey?"
        zigzag tokenize ~/models/Qwen2.5-0.5B-Instruct book.txt --ids > ids.txt
        zigzag tokenize model.gguf --decode ids.txt

      Without --special or --no-special the text gets the tokens that the tokenizer's template puts \
      before a text, and none behind it, as samples do. --special uses the whole template, --no-special \
      none of it. --decode reads ids with blanks, commas or line ends between them. It prints exactly \
      their text and adds no line end.

      A byte order mark at the start of a text (U+FEFF) is part of it, as for Python's open(…, \
      encoding="utf-8"), and a warning says so.
      """)

  @Argument(help: "A model file, a Hugging Face folder, a tokenizer.json, or a .gguf file.")
  var model: String

  @Argument(help: "The text (UTF-8), or with --decode the ids; - is standard input.")
  var file: String?

  @Option(parsing: .unconditional, help: "The text, or with --decode the ids, instead of a file.")
  var text: String?

  @Flag(help: "Read ids and print the text they stand for.")
  var decode = false

  @Flag(help: "Print the ids alone, one a line.")
  var ids = false

  @Flag(help: "Print as JSON.")
  var json = false

  @Flag(
    inversion: .prefixedNo,
    help: "Whether the template's tokens are added, or with --decode special tokens printed.")
  var special: Bool?

  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    guard text == nil || file == nil else {
      throw ValidationError("--text and FILE both name a text; keep one of them")
    }
    guard !ids || !json, !ids || !decode else {
      throw ValidationError("--ids prints ids alone, so leave out --json and --decode")
    }
  }

  func perform() throws {
    let source = try TokenizerSource(path: model)
    for warning in source.warnings { Logger(label: "tokenize").warning("\(model): \(warning)") }
    let given = try TokenizeInput.text(text, file: file)
    if decode {
      let ids = try TokenizeInput.ids(given, known: source.tokenizer)
      try printText(ids, source.tokenizer)
    } else {
      if let warning = TextFile.byteOrderMarkWarning(of: given.text.utf8) {
        Logger(label: "tokenize").warning("\(given.name): \(warning)")
      }
      try printTokens(TokenizedText(given.text, source.tokenizer, special: special))
    }
  }

  private func printText(_ ids: [Int32], _ tokenizer: Tokenizer) throws {
    let text = tokenizer.decode(ids, skipSpecialTokens: special == false)
    if json {
      try Results.print(json: ["text": text])
    } else {
      try Results.write(Data(text.utf8))
    }
  }

  private func printTokens(_ result: TokenizedText) throws {
    if json {
      try result.printJSON()
    } else if ids {
      try result.printIDs()
    } else {
      try result.printTable()
    }
  }
}
