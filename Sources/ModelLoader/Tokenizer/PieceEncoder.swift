import Support

/// Encodes the pieces of one text, remembering the ids of words it has seen.
struct PieceEncoder {
  /// Longer pieces are rare and not remembered.
  private static let longestRemembered = 48
  /// What is remembered stays within some megabytes.
  private static let mostRemembered = 100_000

  private let model: BytePairModel
  private var workspace = MergeWorkspace()
  /// Where in `rememberedIDs` the ids of a word are.
  private var remembered: [TokenBytes: Range<Int32>] = [:]
  private var rememberedIDs: [Int32] = []
  /// The ids so far.
  var ids: [Int32] = []

  init(_ model: BytePairModel) { self.model = model }

  /// Appends the ids of a piece.
  mutating func encode(_ text: [UInt8], _ range: Range<Int>) {
    guard let mark = model.wordMark else { return encodeWord(text, range) }
    // No merge reaches over the start of a word, so that words can be encoded one by one.
    var start = range.lowerBound
    PreTokenizer.forEachWord(in: text, range, mark: mark) { word in
      let end = word.lowerBound
      guard end > range.lowerBound, !text[..<end].hasSuffix(mark) else { return }
      encodeWord(text, start..<end)
      start = end
    }
    encodeWord(text, start..<range.upperBound)
  }

  private mutating func encodeWord(_ text: [UInt8], _ range: Range<Int>) {
    guard range.count <= Self.longestRemembered else {
      return model.encode(text, range, using: &workspace, into: &ids)
    }
    let word = TokenBytes(text[range])
    if let known = remembered[word] {
      for index in known { ids.append(rememberedIDs[Int(index)]) }
      return
    }
    let start = ids.count
    model.encode(text, range, using: &workspace, into: &ids)
    guard remembered.count < Self.mostRemembered else { return }
    let first = Int32(rememberedIDs.count)
    rememberedIDs += ids[start...]
    remembered[word] = first..<Int32(rememberedIDs.count)
  }
}

extension ArraySlice<UInt8> {
  fileprivate func hasSuffix(_ other: [UInt8]) -> Bool {
    suffix(other.count).elementsEqual(other)
  }
}
