import Support

/// What the pickle of a file that `torch.save` wrote says of its one tensor.
///
/// A pickle is a program. Its text is read here and never run: of its instructions only those are known that describe a
/// tensor (protocol 2), and a call of anything but `_rebuild_tensor_v2` and an empty `OrderedDict` is refused by name.
struct TensorPickle {
  /// How a number is stored, by the name that the pickle has for it.
  enum Storage: String {
    case float16 = "torch HalfStorage"
    case bfloat16 = "torch BFloat16Storage"
    case float32 = "torch FloatStorage"
    case float64 = "torch DoubleStorage"

    /// Bytes of a number.
    var width: Int {
      switch self {
      case .float16, .bfloat16: 2
      case .float32: 4
      case .float64: 8
      }
    }
  }

  /// How a number is stored.
  let storage: Storage
  /// The entry that holds the numbers, `data/KEY`.
  let key: String
  /// The first number's place, in numbers.
  let offset: Int
  /// The tensor's sizes.
  let sizes: [Int]
  /// How far a step along each axis goes, in numbers.
  let strides: [Int]

  /// The longest pickle of one tensor that is believed.
  private static let maximumCount = 4096

  /// Reads the pickle in `bytes`; `path` names its file in errors.
  init(_ bytes: [UInt8], path: String) throws(FileError) {
    guard bytes.count <= Self.maximumCount else {
      throw TensorPickle.flaw(path, "the pickle of one tensor", "a pickle of \(bytes.count) bytes")
    }
    var reader = Reader(bytes: bytes, path: path)
    guard case .tensor(let tensor) = try reader.read() else {
      throw TensorPickle.flaw(path, "one tensor", "another object")
    }
    self = tensor
  }

  private init(
    storage: Storage, key: String, offset: Int, sizes: [Int], strides: [Int]
  ) {
    (self.storage, self.key, self.offset) = (storage, key, offset)
    (self.sizes, self.strides) = (sizes, strides)
  }

  private static func flaw(_ path: String, _ expected: String, _ found: String) -> FileError {
    .invalid(
      path: path, place: "data.pkl", expected: expected, found: found,
      fix: "save the tensor of scores alone, with torch.save")
  }

  /// What stands on the pickle's stack.
  private indirect enum Item {
    case mark
    case integer(Int)
    case flag
    case text(String)
    case global(String)
    /// Parts without tuples of tuples in them.
    case tuple([Item])
    case storage(Storage, key: String)
    case dictionary
    case tensor(TensorPickle)
  }

  private struct Reader {
    let bytes: [UInt8]
    let path: String
    var position = 0
    var stack: [Item] = []
    var memory: [Int: Item] = [:]

    init(bytes: [UInt8], path: String) { (self.bytes, self.path) = (bytes, path) }

    private func damaged() -> FileError {
      TensorPickle.flaw(path, "the pickle of a tensor", "damage before byte \(position)")
    }

    private mutating func take(_ count: Int) throws(FileError) -> ArraySlice<UInt8> {
      guard count <= bytes.count - position else { throw damaged() }
      defer { position += count }
      return bytes[position..<position + count]
    }

    /// A number of `width` bytes, little-endian, without a sign.
    private mutating func number(_ width: Int) throws(FileError) -> Int {
      try take(width).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func text(_ bytes: ArraySlice<UInt8>) throws(FileError) -> String {
      guard let text = String(validating: bytes, as: UTF8.self) else { throw damaged() }
      return text
    }

    private mutating func line() throws(FileError) -> String {
      guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else { throw damaged() }
      let line = try text(try take(end - position))
      position += 1
      return line
    }

    private mutating func pop() throws(FileError) -> Item {
      guard let item = stack.popLast() else { throw damaged() }
      return item
    }

    /// The object that the whole pickle makes.
    mutating func read() throws(FileError) -> Item {
      guard try take(2).elementsEqual([0x80, 2]) else {
        throw TensorPickle.flaw(path, "a pickle of protocol 2", "another")
      }
      while true {
        let instruction = try take(1)[position - 1]
        if instruction == UInt8(ascii: ".") { break }
        try perform(instruction)
      }
      let whole = try pop()
      guard stack.isEmpty, position == bytes.count else { throw damaged() }
      return whole
    }

    private mutating func perform(_ instruction: UInt8) throws(FileError) {
      switch instruction {
      case UInt8(ascii: "("): stack.append(.mark)
      case UInt8(ascii: "K"): stack.append(.integer(try number(1)))
      case UInt8(ascii: "M"): stack.append(.integer(try number(2)))
      case UInt8(ascii: "J"):
        stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
      case UInt8(ascii: "X"):
        let count = try number(4)
        stack.append(.text(try text(try take(count))))
      case UInt8(ascii: "c"):
        let module = try line()
        stack.append(.global("\(module) \(try line())"))
      case 0x88, 0x89: stack.append(.flag)
      case UInt8(ascii: ")"): stack.append(.tuple([]))
      case 0x85, 0x86, 0x87: try collect(Int(instruction) - 0x84)
      case UInt8(ascii: "t"): try collectToMark()
      case UInt8(ascii: "q"): try remember(1)
      case UInt8(ascii: "r"): try remember(4)
      case UInt8(ascii: "h"): try recall(1)
      case UInt8(ascii: "j"): try recall(4)
      case UInt8(ascii: "Q"): stack.append(try storage(of: try pop()))
      case UInt8(ascii: "R"):
        let arguments = try pop()
        stack.append(try result(of: try pop(), arguments))
      default:
        let code = String(instruction, radix: 16)
        throw TensorPickle.flaw(
          path, "instructions that describe a tensor", "the instruction 0x\(code)")
      }
    }

    private mutating func remember(_ width: Int) throws(FileError) {
      let place = try number(width)
      guard let item = stack.last else { throw damaged() }
      memory[place] = item
    }

    private mutating func recall(_ width: Int) throws(FileError) {
      guard let item = memory[try number(width)] else { throw damaged() }
      stack.append(item)
    }

    private mutating func collectToMark() throws(FileError) {
      let mark = stack.lastIndex { if case .mark = $0 { true } else { false } }
      guard let mark else { throw damaged() }
      let count = stack.count - mark - 1
      try collect(count)
      let tuple = try pop()
      stack.removeLast()
      stack.append(tuple)
    }

    /// Makes the last `count` items a tuple, of which none is deeper than a tuple of tuples.
    private mutating func collect(_ count: Int) throws(FileError) {
      guard count <= stack.count else { throw damaged() }
      let parts = Array(stack.suffix(count))
      let isDeep = parts.contains { part in
        guard case .tuple(let inner) = part else { return false }
        return inner.contains { if case .tuple = $0 { true } else { false } }
      }
      guard !isDeep else { throw damaged() }
      stack.removeLast(count)
      stack.append(.tuple(parts))
    }

    /// ("storage", type, key, place, count), which stands for the numbers of an entry.
    private func storage(of item: Item) throws(FileError) -> Item {
      guard case .tuple(let parts) = item, parts.count == 5, case .text("storage") = parts[0],
        case .global(let type) = parts[1], case .text(let key) = parts[2]
      else { throw damaged() }
      guard let storage = Storage(rawValue: type) else {
        throw TensorPickle.flaw(
          path, "numbers as HalfStorage, BFloat16Storage, FloatStorage or DoubleStorage",
          type.quotedForMessage)
      }
      return .storage(storage, key: key)
    }

    /// What the call of a function stands for.
    private func result(of function: Item, _ arguments: Item) throws(FileError) -> Item {
      guard case .global(let name) = function, case .tuple(let parts) = arguments else {
        throw damaged()
      }
      if name == "collections OrderedDict", parts.isEmpty { return .dictionary }
      guard name == "torch._utils _rebuild_tensor_v2" else {
        throw TensorPickle.flaw(
          path, "the pickle of a tensor", "a call of \(name.quotedForMessage)")
      }
      guard parts.count >= 4, case .storage(let storage, let key) = parts[0],
        case .integer(let offset) = parts[1],
        let sizes = integers(parts[2]), let strides = integers(parts[3]),
        sizes.count == strides.count
      else { throw damaged() }
      return .tensor(
        TensorPickle(storage: storage, key: key, offset: offset, sizes: sizes, strides: strides))
    }

    private func integers(_ item: Item) -> [Int]? {
      guard case .tuple(let parts) = item else { return nil }
      let numbers = parts.compactMap { part -> Int? in
        if case .integer(let value) = part { value } else { nil }
      }
      return numbers.count == parts.count ? numbers : nil
    }
  }
}
