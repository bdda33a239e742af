/// Texts in one array of bytes, one behind another: very many short ones cost little more than their bytes.
struct TextList {
  /// All texts.
  private(set) var bytes: [UInt8] = []
  /// Where each text ends.
  private var ends: [Int] = []

  /// An empty list.
  init() {}

  /// A list of one text.
  init(_ text: some Collection<UInt8>) { append(text) }

  /// How many texts there are.
  var count: Int { ends.count }

  /// The bytes of a text.
  subscript(index: Int) -> ArraySlice<UInt8> {
    bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }

  /// Appends a text.
  mutating func append(_ text: some Collection<UInt8>) {
    bytes += text
    ends.append(bytes.count)
  }

  /// The list of what `transform` makes of each text and its place.
  func map(_ transform: (_ index: Int, _ text: ArraySlice<UInt8>) -> [UInt8]) -> TextList {
    var result = TextList()
    for index in 0..<count { result.append(transform(index, self[index])) }
    return result
  }
}
