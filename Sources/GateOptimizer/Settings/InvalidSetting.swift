import ModelLoader
import Support

/// A value of the configuration that cannot be meant, or a key that does not exist.
///
/// Settings types throw it without knowing the file they came from; whoever read the file adds its
/// path and the line of ``path``.
public struct InvalidSetting: ZigzagError, Equatable {
  /// Keys from the root of the configuration down to the setting, such as `calibration`, `steps`.
  public var path: [String]
  /// What is wrong with it and what it may be, to be read after the setting's name.
  public var problem: String

  /// A problem of the setting at `path`.
  public init(_ path: [String], _ problem: String) {
    self.path = path
    self.problem = problem
  }

  /// Always a mistake in what was asked for.
  public var category: ErrorCategory { .usage }

  /// The setting's dotted name, then the problem.
  public var description: String {
    path.isEmpty ? problem : "\(path.joined(separator: ".").shown()) \(problem)"
  }
}

/// Throws an ``InvalidSetting`` for `key` unless `condition` holds.
public func requireSetting(
  _ condition: Bool, _ key: some CodingKey, _ problem: @autoclosure () -> String
) throws(InvalidSetting) {
  guard condition else { throw InvalidSetting([key.stringValue], problem()) }
}
