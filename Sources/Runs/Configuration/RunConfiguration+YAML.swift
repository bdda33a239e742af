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
    self = try document.decode(RunConfiguration.self)
    do {
      try validate()
    } catch {
      throw document.setting(error)
    }
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
