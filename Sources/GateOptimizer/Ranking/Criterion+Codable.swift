import ModelLoader
import Support

extension Criterion: Codable {
  /// Reads a criterion by its name, such as `weighted:0.5`.
  ///
  /// - Throws: ``InvalidSetting`` that lists the names there are.
  public init(from decoder: any Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    guard let criterion = Criterion(name) else {
      throw InvalidSetting(
        decoder.codingPath.map(settingName),
        "is \(name.shown()); it must be one of \(Criterion.names.joined(separator: ", ")), 0 ≤ W ≤ 10⁶"
      )
    }
    self = criterion
  }

  /// Writes the criterion's name.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
