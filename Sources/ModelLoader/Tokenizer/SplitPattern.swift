/// The regular expressions that byte-level tokenizers split text into words with, as scanners.
///
/// Each scanner finds exactly what Oniguruma finds with the expression; every character belongs to a match.
enum SplitPattern: Sendable, Equatable {
  /// GPT-2's, also what the `ByteLevel` pre-tokenizer uses.
  case gpt2
  /// Llama 3's and Qwen2's, which differ in how many digits stay together.
  case llama3(digits: Int)

  private static let gpt2Expression =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  private static func llama3Expression(numbers: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + numbers
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// The scanner for a regular expression; nil for one that is not known.
  init?(expression: String) {
    switch expression {
    case Self.gpt2Expression: self = .gpt2
    case Self.llama3Expression(numbers: #"\p{N}{1,3}"#): self = .llama3(digits: 3)
    case Self.llama3Expression(numbers: #"\p{N}"#): self = .llama3(digits: 1)
    default: return nil
    }
  }

  /// The regular expression, as tokenizer.json spells it.
  var expression: String {
    switch self {
    case .gpt2: Self.gpt2Expression
    case .llama3(digits: 1): Self.llama3Expression(numbers: #"\p{N}"#)
    case .llama3(let digits): Self.llama3Expression(numbers: #"\p{N}{1,"# + "\(digits)}")
    }
  }

  /// Calls `body` with the matches in `range` of `text`, one after another.
  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    let scanner = WordScanner(text: text, end: range.upperBound)
    var start = range.lowerBound
    while start < range.upperBound {
      let end =
        switch self {
        case .gpt2: scanner.gpt2Match(at: start)
        case .llama3(let digits): scanner.llama3Match(at: start, digits: digits)
        }
      body(start..<end)
      start = end
    }
  }
}
