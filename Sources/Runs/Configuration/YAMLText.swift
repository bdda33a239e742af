import CYaml
import MapReporter
import ModelLoader
import Support
import Yams

/// What a text with too many aliases, or too much behind them, asks for.
struct YAMLGrowth: Error {
  /// The line where it became too much, from 1.
  let line: Int
  /// What there is too much of, and what to do.
  let problem: String
}

/// Composes YAML that may be hostile.
///
/// An alias (`*name`) stands for all that its anchor holds, so that aliases of aliases multiply what a text
/// of a kilobyte stands for. They are counted on the events of the library's own parser, before the
/// library makes values of them: what looks like an alias in quotes, comments or blocks is none.
enum YAMLText {
  /// Real aliases that a text may have.
  private static let maximumAliases = 16
  /// What a value takes in memory, at least.
  private static let nodeBytes = 96

  /// The value of `yaml`, nil for none.
  ///
  /// - Throws: ``YAMLGrowth`` for too many aliases or values, `YamlError` for what is not YAML.
  static func compose(_ yaml: String) throws -> Node? {
    try check(yaml)
    return try Yams.compose(yaml: yaml)
  }

  /// Counts the aliases and the values that they stand for; what is not YAML is left to the composer.
  private static func check(_ yaml: String) throws(YAMLGrowth) {
    let text = Array(yaml.utf8)
    let budget = ReadingBudget(path: "", byteCount: text.count)
    var count = NodeCount()
    var aliases = 0
    let events = YAMLEvents(text)
    while let event = events.next() {
      if case .alias = event.kind { aliases += 1 }
      guard aliases <= maximumAliases else {
        throw YAMLGrowth(
          line: event.line,
          problem: "there are more than \(maximumAliases) aliases (*name); write the values out")
      }
      let (bytes, isTooMuch) = count.add(event.kind).multipliedReportingOverflow(by: nodeBytes)
      do throws(FileError) {
        try budget.charge(isTooMuch ? .max : bytes, for: "the text")
      } catch {
        throw YAMLGrowth(
          line: event.line,
          problem: "the values and aliases stand for more than a text of this size may hold")
      }
    }
  }
}

/// How many values each anchor stands for.
private struct NodeCount {
  private var anchors: [String: Int] = [:]
  private var open: [(anchor: String?, values: Int)] = []

  /// Counts an event; the values that it adds to the document.
  mutating func add(_ event: YAMLEvents.Kind) -> Int {
    switch event {
    case .scalar(let anchor): return close(anchor, values: 1)
    case .alias(let anchor): return close(nil, values: anchors[anchor] ?? 1)
    case .start(let anchor):
      open.append((anchor, 1))
      return 1
    case .end:
      guard let group = open.popLast() else { return 0 }
      _ = close(group.anchor, values: group.values)
      return 0
    case .other: return 0
    }
  }

  /// Notes a whole value of so many values for its anchor and for the group it is in.
  private mutating func close(_ anchor: String?, values: Int) -> Int {
    if let anchor { anchors[anchor] = values }
    if let last = open.indices.last {
      let (sum, isTooMuch) = open[last].values.addingReportingOverflow(values)
      open[last].values = isTooMuch ? .max : sum
    }
    return values
  }
}

/// The events of the YAML library's parser, up to the end of the first document.
@safe private final class YAMLEvents {
  enum Kind {
    case scalar(anchor: String?)
    case alias(anchor: String)
    case start(anchor: String?)
    case end
    case other
  }

  private let text: UnsafeMutableBufferPointer<UInt8>
  /// In one place for as long as it lives, since it points to itself.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private var isAtEnd = false

  init(_ bytes: [UInt8]) {
    unsafe text = .allocate(capacity: bytes.count)
    _ = unsafe text.initialize(from: bytes)
    unsafe parser = .allocate(capacity: 1)
    unsafe yaml_parser_initialize(parser)
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, text.baseAddress, bytes.count)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe text.deallocate()
  }

  /// The next event with its line; nil at the end or where the text is not YAML.
  func next() -> (kind: Kind, line: Int)? {
    guard !isAtEnd else { return nil }
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { return nil }
    defer { unsafe yaml_event_delete(&event) }
    let line = unsafe Int(event.start_mark.line) + 1
    let kind: Kind
    switch unsafe event.type {
    case YAML_SCALAR_EVENT: kind = unsafe .scalar(anchor: name(event.data.scalar.anchor))
    case YAML_ALIAS_EVENT: kind = unsafe .alias(anchor: name(event.data.alias.anchor) ?? "")
    case YAML_SEQUENCE_START_EVENT:
      kind = unsafe .start(anchor: name(event.data.sequence_start.anchor))
    case YAML_MAPPING_START_EVENT:
      kind = unsafe .start(anchor: name(event.data.mapping_start.anchor))
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .end
    case YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT:
      isAtEnd = true
      kind = .other
    default: kind = .other
    }
    return (kind, line)
  }

  private func name(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    guard let text = unsafe text else { return nil }
    return unsafe String(cString: text)
  }
}
