import ModelLoader
import Support
import Transformer

/// A setting that is one of a few names.
public protocol SettingChoice: Codable, CaseIterable, RawRepresentable, Sendable
where RawValue == String {}

extension SettingChoice {
  /// Reads one of the names.
  ///
  /// - Throws: ``InvalidSetting`` that lists them.
  public init(from decoder: any Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    guard let choice = Self(rawValue: name) else {
      let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
      throw InvalidSetting(
        decoder.codingPath.map(settingName), "is \(name.shown()); it must be one of \(known)")
    }
    self = choice
  }
}

extension RetrievalSource: SettingChoice {}
