import CYaml
import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Yams

extension RunConfiguration {
  /// Reads and checks a document; the model is checked against later, once it is open.
  ///
  /// - Throws: ``RunError`` that names the file and line, or the override, of what is wrong.
  package init(_ document: ConfigurationDocument) throws {
    let read = try document.decode(RunConfiguration.self)
    try document.placing { try read.validate() }
    self = read
  }

  /// The configuration with every default written out, as it goes into the run folder.
  package func yaml() throws -> String {
    let node = try node(self)
    do {
      return try Yams.serialize(node: node, width: -1)
    } catch {
      throw FileError.cannotWrite(path: "config.yaml", reason: "\(error)")
    }
  }

  /// One hash of settings and their values, as `choose` picks them.
  ///
  /// What has its default is left out, so that a later version may have more settings.
  package func hash(
    of choose: (RunConfiguration) throws -> [String: String]
  ) throws -> String {
    let (own, defaults) = try (choose(self), choose(RunConfiguration(name: name, model: "")))
    let others = Set(own.keys).union(defaults.keys).filter { own[$0] != defaults[$0] }
    return settingsHash(others.reduce(into: [:]) { $0[$1] = .some(own[$1]) })
  }
}

extension RunConfiguration {
  /// The hash of the same settings as it was made on 29 November 2026 before 8 o'clock: lists as one text.
  func formerHash(
    of choose: (RunConfiguration) throws -> [String: String]
  ) throws -> String {
    let (own, defaults) = try (
      joiningLists(choose(self)), joiningLists(choose(RunConfiguration(name: name, model: "")))
    )
    return sha256(of: settingsText(own.filter { defaults[$0.key] != $0.value }))
  }
}

extension Node {
  /// The same values as a person would write them: 0.02 rather than 2e-2, lists of single values on one
  /// line, line feeds as \\n.
  var styledForReading: Node {
    switch self {
    case .scalar(var scalar):
      let isDecimal = scalar.string.utf8.allSatisfy { "0123456789+-.e".utf8.contains($0) }
      if scalar.style == .plain, isDecimal, scalar.string.contains("e"),
        let number = Double(scalar.string)
      {
        scalar = Scalar("\(number)", scalar.tag, .plain)
      } else if scalar.string.contains("\n") {
        scalar.style = .doubleQuoted
      }
      return .scalar(scalar)
    case .sequence(let items):
      let isFlat = items.allSatisfy { $0.scalar != nil }
      return .sequence(
        Sequence(items.map(\.styledForReading), items.tag, isFlat ? .flow : .block))
    case .mapping(let entries):
      return .mapping(
        Mapping(entries.map { ($0.key, $0.value.styledForReading) }, entries.tag, .block))
    case .alias: return self
    }
  }
}

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
