import Support

/// The header of a .npy file: a Python dictionary with the keys `descr`, `fortran_order` and `shape`.
///
/// Source: `numpy/lib/format.py`. As there, the keys may come in any order and with any white space, and
/// headers of format 1.0 and 2.0 may hold the long integers of Python 2, `(20L,)`.
struct NumpyHeader {
  /// Bytes before the dictionary in format 1.0.
  static let prefix = 10
  /// Those of numpy.save have some hundred bytes.
  private static let longest = 1 << 16
  /// More axes than NumPy's own limit.
  private static let mostAxes = 64

  let type: String
  let isFortranOrder: Bool
  let shape: [Int]
  let dataStart: Int

  /// Reads the header of an open file.
  init(_ file: FileReader) throws(FileError) {
    let (text, dataStart) = try Self.text(of: file)
    guard let members = PythonLiteral.dictionary(text),
      Set(members.keys).isSubset(of: ["descr", "fortran_order", "shape"])
    else {
      throw Self.invalid(
        file.path, "a dictionary of descr, fortran_order and shape", "\(text.prefix(60))")
    }
    guard case .text(let type)? = members["descr"] else {
      throw Self.invalid(
        file.path, "descr to name one number type", members["descr"]?.kind ?? "no descr")
    }
    guard case .truth(let isFortranOrder)? = members["fortran_order"] else {
      throw Self.invalid(
        file.path, "fortran_order to be True or False",
        members["fortran_order"]?.kind ?? "no fortran_order")
    }
    guard case .tuple(let sizes)? = members["shape"] else {
      throw Self.invalid(
        file.path, "shape to be a tuple of sizes", members["shape"]?.kind ?? "no shape")
    }
    let shape = sizes.map { if case .integer(let size?) = $0, size >= 0 { size } else { -1 } }
    guard !shape.contains(-1), shape.count <= Self.mostAxes, product(shape) != nil else {
      throw Self.invalid(file.path, "a shape that fits in memory", "\(text.prefix(120))")
    }
    self.type = type
    self.isFortranOrder = isFortranOrder
    self.shape = shape
    self.dataStart = dataStart
  }

  private static func invalid(
    _ path: String, _ expected: String, _ found: String
  ) -> FileError {
    .invalid(
      path: path, place: "the header", expected: expected, found: found,
      fix: "save the array with numpy.save")
  }

  /// The text of the dictionary, and where the values start.
  private static func text(
    of file: FileReader
  ) throws(FileError) -> (text: String, dataStart: Int) {
    let start = try file.read(at: 0, count: min(64, file.byteCount), place: "the header")
    guard start.starts(with: FileKind.numpyMagic), start.count >= 12 else {
      let kind = FileKind(beginning: start)
      throw .invalid(
        path: file.path, place: "the header", expected: "a NumPy .npy file",
        found: kind?.name ?? "something else",
        fix: kind == .numpyArchive
          ? "save the one array of the archive with numpy.save"
          : "save the array with numpy.save")
    }
    guard (1...3).contains(start[6]), start[7] == 0 else {
      throw invalid(file.path, "format 1.0, 2.0 or 3.0", "format \(start[6]).\(start[7])")
    }
    // Version 1 counts the dictionary in two bytes, the later ones in four.
    let lengthBytes = start[6] == 1 ? 2 : 4
    let length = (0..<lengthBytes).reduce(0) { $0 | Int(start[8 + $1]) << (8 * $1) }
    guard length <= longest else {
      throw invalid(file.path, "a header of at most \(longest) bytes", "one of \(length)")
    }
    let bytes = try file.read(at: 8 + lengthBytes, count: length, place: "the header")
    return (String(decoding: bytes, as: UTF8.self), 8 + lengthBytes + length)
  }
}

/// A value in a .npy header, in Python's notation.
enum PythonLiteral {
  case text(String)
  case truth(Bool)
  /// Nil for an integer that fits in no `Int`.
  case integer(Int?)
  case tuple([PythonLiteral])
  case list

  /// What this is, for a message.
  var kind: String {
    switch self {
    case .text(let text): "\"\(text)\""
    case .truth(let value): value ? "True" : "False"
    case .integer(let value): value.map(String.init) ?? "a very large number"
    case .tuple: "a tuple"
    case .list: "a list, which a structured type has"
    }
  }

  /// The members of a dictionary with text keys, each of them once; nil for anything else.
  static func dictionary(_ text: String) -> [String: PythonLiteral]? {
    var parser = Parser(rest: text.unicodeScalars[...])
    guard parser.skip("{") else { return nil }
    var members: [String: PythonLiteral] = [:]
    while !parser.skip("}") {
      guard case .text(let key)? = parser.value(depth: 0), parser.skip(":"),
        let value = parser.value(depth: 0), members.updateValue(value, forKey: key) == nil
      else { return nil }
      if !parser.skip(",") {
        guard parser.skip("}") else { return nil }
        break
      }
    }
    parser.skipSpace()
    return parser.rest.isEmpty ? members : nil
  }

  /// Reads from the front of a text.
  private struct Parser {
    var rest: Substring.UnicodeScalarView

    mutating func skipSpace() {
      rest = rest.drop { $0.properties.isWhitespace }
    }

    mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
      skipSpace()
      guard rest.first == scalar else { return false }
      rest.removeFirst()
      return true
    }

    mutating func value(depth: Int) -> PythonLiteral? {
      skipSpace()
      guard depth < 8, let first = rest.first else { return nil }
      switch first {
      case "(", "[": return list(depth: depth)
      case "'", "\"": return quoted()
      case "u":
        rest.removeFirst()
        return rest.first == "'" || rest.first == "\"" ? quoted() : nil
      case "T", "F": return word()
      default: return number()
      }
    }

    private mutating func list(depth: Int) -> PythonLiteral? {
      let isTuple = rest.removeFirst() == "("
      let end: Unicode.Scalar = isTuple ? ")" : "]"
      var values: [PythonLiteral] = []
      var hasComma = false
      while !skip(end) {
        guard let value = value(depth: depth + 1) else { return nil }
        values.append(value)
        hasComma = skip(",")
        if !hasComma {
          guard skip(end) else { return nil }
          break
        }
      }
      // In Python, parentheses around one value without a comma are no tuple.
      if isTuple, values.count == 1, !hasComma { return values[0] }
      return isTuple ? .tuple(values) : .list
    }

    private mutating func quoted() -> PythonLiteral? {
      let quote = rest.removeFirst()
      let content = rest.prefix { $0 != quote }
      // No type code or key has a backslash.
      guard content.endIndex < rest.endIndex, !content.contains("\\") else { return nil }
      rest = rest[content.endIndex...].dropFirst()
      return .text(String(content))
    }

    private mutating func word() -> PythonLiteral? {
      let word = rest.prefix { $0.properties.isAlphabetic }
      rest = rest[word.endIndex...]
      switch String(word) {
      case "True": return .truth(true)
      case "False": return .truth(false)
      default: return nil
      }
    }

    private mutating func number() -> PythonLiteral? {
      let sign = rest.first == "-" || rest.first == "+" ? String(rest.removeFirst()) : ""
      let digits = rest.prefix { ("0"..."9").contains($0) }
      guard !digits.isEmpty else { return nil }
      rest = rest[digits.endIndex...]
      if rest.first == "L" { rest.removeFirst() }
      return .integer(Int(sign + String(digits)))
    }
  }
}
