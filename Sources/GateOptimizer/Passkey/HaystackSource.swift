/// Where the text comes from that passkeys are hidden in.
public struct HaystackSource: Codable, Sendable, Equatable {
  /// A generator's subject; two subjects share no sentence.
  public enum Subject: String, SettingChoice {
    /// Life in a village: for learning.
    case village
    /// Life on a coast: for judging.
    case coast
  }

  /// Text files in UTF-8, read as one text that wraps round; empty for the generator.
  public var files: [String]
  /// The subject of generated prose where no files are named.
  public var generator: Subject?

  /// The keys of a config, all optional.
  public enum CodingKeys: String, CodingKey, CaseIterable {
    case files, generator
  }

  /// Generated prose about `subject`.
  public static func generated(_ subject: Subject = .village) -> HaystackSource {
    HaystackSource(files: [], generator: subject)
  }

  /// The text of `files`.
  public static func text(files: [String]) -> HaystackSource {
    HaystackSource(files: files, generator: nil)
  }

  /// Decodes a source; with neither key it is generated prose about a village.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.strictContainer(keyedBy: CodingKeys.self)
    files = try values.decodeIfPresent([String].self, forKey: .files) ?? []
    generator = try values.decodeIfPresent(Subject.self, forKey: .generator)
  }

  private init(files: [String], generator: Subject?) {
    self.files = files
    self.generator = generator
  }

  /// Checks that one source is named; `key` is its place in the config.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)``.
  public func validate(at key: String = "haystack") throws(GateOptimizerError) {
    if !files.isEmpty, let generator {
      throw .option(
        name: key, expected: "either files or generator",
        found: "files and generator \(generator.rawValue)")
    }
  }
}
