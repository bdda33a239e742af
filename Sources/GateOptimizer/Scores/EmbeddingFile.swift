import ModelLoader
import Support
import Transformer

/// A file of questions whose documents are rows of the residual stream, as a model that sees gets them: HDF5.
///
/// A group for each sample has `prefix` (T, C), `query` (Q, C), `null` (N, C), `documents` (D, 2), `gold` (G) and perhaps
/// `needles` (n, 2), positions and what is added behind the first layers (docs/scores.md, "Models that see"). Samples
/// are read one at a time.
public struct EmbeddingFile: Sendable {
  /// What the attribute `format` says in every file.
  package static let format = "zigzag-embeddings"
  /// The version of the format that is read.
  package static let version = 1

  /// Where it was read from.
  public let path: String
  /// The names of the samples, in byte order; at least one.
  public let names: [String]
  /// The file as it was when the names were read.
  private let stamp: FileStamp?

  /// Reads the names of the samples in the file at `path`.
  ///
  /// - Throws: `FileError` that names the place.
  public init(contentsOf path: String) throws(FileError) {
    self.path = path
    stamp = FileStamp(path: path)
    let reader = EmbeddingReader(path: path)
    let root = try reader.open()
    names = root.childNames
    guard let first = names.first else {
      throw reader.invalid(
        "the file", "a group for each sample", "none", "write a group with prefix and query")
    }
    for name in names where try reader.group(name, of: root) == nil {
      throw reader.invalid(
        "/\(name)", "a group for a sample", "a dataset", "put it into a group, such as /\(first)-0")
    }
  }

  /// Reads one sample.
  ///
  /// - Parameters:
  ///   - index: Which, from 0, in the order of ``names``.
  ///   - model: The model whose first layer the rows enter.
  ///   - methods: What asks on it.
  /// - Returns: The sample.
  /// - Throws: `FileError` that names the dataset, what the model expects and what was found; `FileError.changed` where
  ///   the file is not what it was.
  package func sample(
    _ index: Int, for model: ModelConfiguration, _ methods: [ScoreMethod]
  ) throws(FileError) -> ResidualPrompt {
    let now = FileStamp(path: path)
    if let stamp {
      guard now?.hasSameContent(as: stamp) == true else { throw .changed(path: path) }
    }
    let reader = EmbeddingReader(path: path)
    let name = names[index]
    guard let group = try reader.group(name, of: try reader.open()) else {
      throw .changed(path: path)
    }
    return try EmbeddedSample(reader: reader, group: group, model: model, methods: methods).read()
  }

  /// Rows of the prefix and the query of each sample.
  ///
  /// - Throws: `FileError` where a dataset is missing or no matrix.
  package func sizes() throws(FileError) -> [Int] {
    let reader = EmbeddingReader(path: path)
    let root = try reader.open()
    var sizes: [Int] = []
    for name in names {
      guard let group = try reader.group(name, of: root) else { throw .changed(path: path) }
      let rows = try ["prefix", "query"].map { part throws(FileError) in
        try reader.matrix(part, of: group).layout.shape[0]
      }
      sizes.append(rows[0] + rows[1])
    }
    return sizes
  }
}

/// Reads the parts of a file of embeddings, and says what to do where they are wrong.
struct EmbeddingReader {
  let path: String

  private static let fix = "write it as docs/scores.md specifies"

  func invalid(
    _ place: String, _ expected: String, _ found: String, _ fix: String = Self.fix
  ) -> FileError {
    .invalid(path: path, place: place, expected: expected, found: found, fix: fix)
  }

  /// What `body` reads; what is wrong with the HDF5 file itself is said of a file of embeddings.
  func reading<Value>(_ body: () throws(FileError) -> Value) throws(FileError) -> Value {
    do {
      return try body()
    } catch {
      switch error {
      case .invalid(_, let place, let expected, let found, _):
        throw invalid(place, expected, found)
      case .unsupported(_, let place, let found, let supported):
        throw invalid(place, supported, found)
      default: throw error
      }
    }
  }

  /// The root, once it says that it is such a file.
  func open() throws(FileError) -> HDF5Object {
    let root = try reading { () throws(FileError) in try HDF5Object(opening: path) }
    let (format, version) = try reading { () throws(FileError) in
      (try root.attribute("format"), try root.attribute("format_version"))
    }
    guard format?.text == EmbeddingFile.format else {
      throw invalid(
        "attribute format", "\"\(EmbeddingFile.format)\"", format?.quoted ?? "nothing")
    }
    guard version?.integer == EmbeddingFile.version else {
      throw invalid(
        "attribute format_version", "\(EmbeddingFile.version), which this zigzag reads",
        version?.quoted ?? "nothing")
    }
    return root
  }

  /// A member of a group; nil where there is none.
  func child(_ name: String, of group: HDF5Object) throws(FileError) -> HDF5Object? {
    try reading { () throws(FileError) in try group.child(name) }
  }

  /// The group of a sample; nil where there is none, or a dataset.
  func group(_ name: String, of root: HDF5Object) throws(FileError) -> HDF5Object? {
    guard let group = try child(name, of: root), !group.isDataset else { return nil }
    return group
  }

  /// A dataset of a group with its layout; nil where there is none.
  func dataset(
    _ name: String, of group: HDF5Object
  ) throws(FileError) -> (object: HDF5Object, layout: DatasetLayout)? {
    guard let object = try child(name, of: group) else { return nil }
    guard object.isDataset else { throw invalid(object.place, "a dataset", "a group") }
    return (object, try reading { () throws(FileError) in try object.layout() })
  }

  /// A dataset that must be there, with its layout.
  func required(
    _ name: String, of group: HDF5Object, _ expected: String
  ) throws(FileError) -> (object: HDF5Object, layout: DatasetLayout) {
    guard let found = try dataset(name, of: group) else {
      throw invalid("\(group.place)/\(name)", expected, "nothing")
    }
    return found
  }

  /// A matrix of floats that must be there.
  func matrix(
    _ name: String, of group: HDF5Object, columns: Int? = nil
  ) throws(FileError) -> (object: HDF5Object, layout: DatasetLayout) {
    let expected =
      "floats of shape (rows, \(columns.map(String.init) ?? "C")), what enters the first layer"
    let found = try required(name, of: group, expected)
    let shape = found.layout.shape
    guard found.layout.isFloat, shape.count == 2, columns.map({ $0 == shape[1] }) ?? true else {
      throw invalid(found.object.place, expected, words(found.layout))
    }
    guard shape[0] >= 1 else { throw invalid(found.object.place, "at least one row", "none") }
    return found
  }

  /// What a dataset is, in words.
  func words(_ layout: DatasetLayout) -> String { "\(layout.typeName)s of shape \(layout.shape)" }

  /// The values of floats, which are finite numbers.
  func floats(
    _ found: (object: HDF5Object, layout: DatasetLayout)
  ) throws(FileError) -> [Float] {
    let values = try reading { () throws(FileError) in try found.object.readFloats() }
    if let place = values.firstIndex(where: { !$0.isFinite }) {
      var (rest, index) = (place, [Int]())
      for size in found.layout.shape.reversed() {
        index.insert(rest % size, at: 0)
        rest /= size
      }
      throw invalid(
        found.object.place, "finite numbers in float32",
        "\(values[place]) at [\(index.map(String.init).joined(separator: ", "))]",
        "compute the rows again")
    }
    return values
  }

  /// The values of integers.
  func integers(
    _ found: (object: HDF5Object, layout: DatasetLayout)
  ) throws(FileError) -> [Int] {
    try reading { () throws(FileError) in try found.object.readIntegers() }.map { Int($0) }
  }
}

/// Reads one sample of a file of embeddings for a model.
private struct EmbeddedSample {
  let reader: EmbeddingReader
  let group: HDF5Object
  let model: ModelConfiguration
  let methods: [ScoreMethod]

  private static let names: Set = [
    "prefix", "query", "null", "documents", "gold", "needles", "prefix_positions",
    "query_positions", "null_positions", "prefix_additions",
  ]

  /// Whether tokens of an image have three positions.
  private var sections: RotarySections? {
    model.kinds.lazy.compactMap { $0.rotary?.sections }.first
  }

  private func place(_ name: String) -> String { "\(group.place)/\(name)" }

  func read() throws(FileError) -> ResidualPrompt {
    if let other = group.childNames.first(where: { !Self.names.contains($0) }) {
      throw reader.invalid(
        place(other), "one of \(Self.names.sorted().joined(separator: ", "))", "another name",
        "take it out, or correct its name")
    }
    let additions = try additions()
    let prefix = try input("prefix", additions: additions)
    let query = try input("query")
    let isCompared = methods.contains(.queryFocused) || methods.contains(.multimodal)
    let null = try isCompared || group.hasChild("null") ? input("null") : nil
    for name in ["query", "null"] {
      try requirePositionsTogether(name, prefix, name == "query" ? query : null)
    }
    if let null, null.isEqual(to: query) {
      throw reader.invalid(
        place("null"), "rows of a query that asks nothing, such as N/A", "those of the query",
        "embed the prompt again with N/A as its query")
    }
    let documents = try spans("documents", rows: prefix.count)
    let gold = try gold(of: documents.count)
    let needles =
      group.hasChild("needles")
      ? try spans("needles", rows: prefix.count) : gold.map { documents[$0] }
    let prompt = ResidualPrompt(
      prefix: prefix, query: query, null: null, documents: documents, gold: gold,
      needles: needles)
    guard prompt.length <= model.maxPositions else {
      throw reader.invalid(
        group.place, "at most \(model.maxPositions) positions, as the model was made for",
        "\(prompt.length)", "give fewer or smaller documents")
    }
    return prompt
  }

  // MARK: Rows

  /// Rows with their positions, if they have some of their own.
  private func input(
    _ name: String, additions: consuming Tensor? = nil
  ) throws(FileError) -> ResidualInput {
    let found = try reader.matrix(name, of: group, columns: model.hidden)
    let rows = found.layout.shape[0]
    let x = Tensor(rows: rows, columns: model.hidden, values: try reader.floats(found))
    return ResidualInput(x, positions: try positions(name, rows), additions: additions)
  }

  /// What is added behind the first layers to the rows of the prefix, one layer under the other; nil where nothing is.
  private func additions() throws(FileError) -> Tensor? {
    let name = "prefix_additions"
    let expected = "floats of shape (layers, rows of the prefix, \(model.hidden))"
    let isNeeded = sections?.takeTurns == true
    guard let found = try reader.dataset(name, of: group) else {
      guard isNeeded else { return nil }
      throw reader.invalid(
        place(name),
        "\(expected), since such a model adds features of images behind its first layers (DeepStack)",
        "nothing", "write them, or zeros where there is no image")
    }
    let prefix = try reader.matrix("prefix", of: group, columns: model.hidden)
    let shape = found.layout.shape
    guard found.layout.isFloat, shape.count == 3, shape[1] == prefix.layout.shape[0],
      shape[2] == model.hidden, (1..<max(model.layers, 2)).contains(shape[0])
    else {
      throw reader.invalid(
        place(name), "\(expected), of fewer layers than the model's \(model.layers)",
        reader.words(found.layout))
    }
    return Tensor(
      rows: shape[0] * shape[1], columns: shape[2], values: try reader.floats(found))
  }

  /// The positions of some rows: one for each, or three where the model has sections.
  private func positions(_ name: String, _ rows: Int) throws(FileError) -> [[Int]]? {
    let key = "\(name)_positions"
    let plain = "integers of shape (\(rows))"
    let expected = sections == nil ? plain : "\(plain) or (3, \(rows))"
    guard let found = try reader.dataset(key, of: group) else {
      guard sections != nil else { return nil }
      throw reader.invalid(
        place(key),
        "\(expected), since this model turns tokens of an image by time, height and width",
        "nothing", "write the model's position_ids")
    }
    let shape = found.layout.shape
    if sections == nil, shape == [3, rows] {
      throw reader.invalid(
        place(key), "\(plain), since the model file has no mrope_section", "three positions a row",
        "import the model again with this version if it is one of several axes")
    }
    guard found.layout.typeName.hasSuffix("integer"), shape == [rows] || shape == [3, rows] else {
      throw reader.invalid(place(key), expected, reader.words(found.layout))
    }
    let values = try reader.integers(found)
    if let wrong = values.first(where: { !(0..<model.maxPositions).contains($0) }) {
      throw reader.invalid(
        place(key), "positions from 0 to \(model.maxPositions - 1), as the model was made for",
        "\(wrong)")
    }
    return (0..<values.count / rows).map { Array(values[$0 * rows..<($0 + 1) * rows]) }
  }

  /// Rows that follow others have positions where these do.
  private func requirePositionsTogether(
    _ name: String, _ prefix: ResidualInput, _ other: ResidualInput?
  ) throws(FileError) {
    guard let other, (other.positions == nil) != (prefix.positions == nil) else { return }
    let missing = other.positions == nil ? name : "prefix"
    throw reader.invalid(
      place("\(missing)_positions"), "positions, as the other rows have them", "nothing",
      "write positions of all rows, or of none")
  }

  // MARK: Places

  /// Half-open spans of rows of the prefix, in their order and apart, none empty.
  private func spans(_ name: String, rows: Int) throws(FileError) -> [Range<Int>] {
    let expected =
      "integers of shape (spans, 2): the first row of each, and the one behind its last"
    let found = try reader.required(name, of: group, expected)
    let shape = found.layout.shape
    guard found.layout.typeName.hasSuffix("integer"), shape.count == 2, shape[1] == 2 else {
      throw reader.invalid(place(name), expected, reader.words(found.layout))
    }
    guard shape[0] >= 1 else { throw reader.invalid(place(name), "at least one span", "none") }
    let ends = try reader.integers(found)
    var spans: [Range<Int>] = []
    for index in 0..<shape[0] {
      let (start, end) = (ends[2 * index], ends[2 * index + 1])
      guard start >= 0, start < end, end <= rows else {
        throw reader.invalid(
          "\(place(name)): span \(index)",
          "rows from 0 to \(rows), as many as the prefix has, at least one",
          "\(start) to \(end)", "correct it")
      }
      guard start >= spans.last?.upperBound ?? 0 else {
        throw reader.invalid(
          "\(place(name)): span \(index)",
          "a span behind the one before, which ends at row \(spans.last?.upperBound ?? 0)",
          "\(start) to \(end)", "write spans in the order of the rows, none over another")
      }
      spans.append(start..<end)
    }
    return spans
  }

  /// The documents that hold the answer, each once.
  private func gold(of count: Int) throws(FileError) -> [Int] {
    let expected = "integers of shape (documents that hold the answer)"
    let found = try reader.required("gold", of: group, expected)
    guard found.layout.typeName.hasSuffix("integer"), found.layout.shape.count == 1 else {
      throw reader.invalid(place("gold"), expected, reader.words(found.layout))
    }
    let gold = try reader.integers(found)
    guard !gold.isEmpty else {
      throw reader.invalid(place("gold"), "at least one document", "none")
    }
    if let wrong = gold.first(where: { !(0..<count).contains($0) }) {
      throw reader.invalid(
        place("gold"), "indices from 0 to \(count - 1), since there are \(count) documents",
        "\(wrong)", "correct it")
    }
    guard Set(gold).count == gold.count else {
      throw reader.invalid(place("gold"), "each document once", "one twice", "correct it")
    }
    return gold.sorted()
  }
}
