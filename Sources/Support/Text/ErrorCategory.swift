/// What kind of thing went wrong; the tool turns it into an exit code in one place.
public enum ErrorCategory: Sendable {
  /// The command line or the config asks for something impossible (64).
  case usage
  /// A file is there but not what it should be (65).
  case badData
  /// A file or folder is not there or cannot be read (66).
  case missingInput
  /// An output cannot be created or written: permissions, a full disk (73, 74).
  case cannotWrite
  /// The work was interrupted and can be resumed (75).
  case interrupted
}

/// An error a user can cause: `description` is one sentence that names the file, the place, what was
/// expected and what was found, and says what to do.
public protocol ZigzagError: Error, CustomStringConvertible {
  /// What kind of thing went wrong.
  var category: ErrorCategory { get }
}
