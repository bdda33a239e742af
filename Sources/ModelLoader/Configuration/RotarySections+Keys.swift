import Support
import Transformer

extension RotarySections {
  /// Sections of the value of a key; nil where it has no three sizes, or these are not all of `pairs`.
  ///
  /// Where axes take turns, transformers cuts off what exceeds the pairs, and time has what is left.
  init?(_ value: MetadataValue, takeTurns: Bool, pairs: Int) {
    guard let sizes = value.integers, sizes.count == 3,
      sizes.allSatisfy({ (0...ConfigurationDecoder.largestSize).contains($0) }),
      takeTurns || sizes.reduce(0, +) == pairs
    else { return nil }
    self.init(pairs: sizes, takeTurns: takeTurns)
  }

  /// What a sentence says is expected.
  static func expected(pairs: Int) -> String {
    "three sizes, for time, height and width, of the \(pairs) pairs that RoPE turns"
  }
}

extension ConfigurationDecoder {
  /// The sections that a model file states, of `pairs` pairs that turn; nil for one position per token.
  ///
  /// - Throws: `FileError.invalid` where they are no three sizes of so many pairs.
  func storedSections(pairs: Int) throws(FileError) -> RotarySections? {
    let key = ConfigurationKeys.sections
    guard let value = present(key) else { return nil }
    let takeTurns = try flag(ConfigurationKeys.sectionsTakeTurns) ?? false
    guard let sections = RotarySections(value, takeTurns: takeTurns, pairs: pairs) else {
      throw invalid(key, RotarySections.expected(pairs: pairs), value.quoted)
    }
    return sections
  }
}

extension TextPart {
  /// The sections of positions of several axes of a model whose RoPE turns `pairs` pairs; nil for one position per token.
  ///
  /// The defaults are those of the classes of transformers.
  ///
  /// - Throws: `FileError.invalid` where they are no three sizes of so many pairs.
  func sections(pairs: Int, path: String) throws(FileError) -> RotarySections? {
    guard let statedSections else { return nil }
    guard
      let sections = RotarySections(statedSections, takeTurns: axesTakeTurns, pairs: pairs)
    else {
      throw .invalid(
        path: path, place: "key \(ConfigurationKeys.sections)",
        expected: RotarySections.expected(pairs: pairs), found: statedSections.quoted,
        fix: "correct config.json")
    }
    return sections
  }
}
