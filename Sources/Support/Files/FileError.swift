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

/// What can be wrong with a file that is read or written, whatever the file is for.
public enum FileError: ZigzagError, Equatable {
  /// Nothing is at `path`; `what` says what was looked for, and `fix` what to do.
  case missing(path: String, what: String, fix: String = "check the path")
  /// The file at `path` is there and cannot be read.
  case unreadable(path: String, reason: String)
  /// `place` in the file at `path` does not hold what it must; `fix` says what to do.
  case invalid(
    path: String, place: String, expected: String, found: String,
    fix: String = "correct the file or make it again")
  /// The text of the file at `path` cannot be understood; `line` counts from 1, and `problem` says what to do.
  case malformed(path: String, line: Int?, problem: String)
  /// The file at `path` is well formed and asks for something this package does not do.
  case unsupported(path: String, place: String, found: String, supported: String)
  /// The tokenizer in the file at `path` cannot be used; `problem` says why and `fix` what to do.
  case unusableTokenizer(path: String, problem: String, fix: String)
  /// `path` cannot be created or written.
  case cannotWrite(path: String, reason: String)
  /// The file at `path` was written into, or replaced, while it was read or computed with.
  case changed(path: String)
  /// The import to `path` was stopped; nothing is there that was not before.
  case stopped(path: String)

  /// What kind of thing went wrong.
  public var category: ErrorCategory {
    switch self {
    case .missing, .unreadable, .changed: .missingInput
    case .invalid, .malformed, .unsupported, .unusableTokenizer: .badData
    case .cannotWrite: .cannotWrite
    case .stopped: .interrupted
    }
  }

  /// One sentence that names the file, the place, what was expected and what was found.
  public var description: String {
    switch self {
    case .missing(let path, let what, let fix):
      "\(path): there is no such \(what); \(fix)."
    case .unreadable(let path, let reason):
      "\(path): cannot be read: \(reason.shown(limit: 300))"
        + (reason.contains("; ") ? "." : "; check the path and its permissions.")
    case .invalid(let path, let place, let expected, let found, let fix):
      "\(path): \(place.shown()): expected \(expected.shown()), found \(found.shown()); \(fix)"
        + (fix.hasSuffix("?") ? "" : ".")
    case .malformed(let path, let line, let problem):
      "\(path)\(line.map { ":\($0)" } ?? ""): \(problem.shown(limit: 300))."
    case .unsupported(let path, let place, let found, let supported):
      "\(path): \(place.shown()): \(found.shown()) is not supported; use a model with \(supported)."
    case .changed(let path):
      "\(path): the file was changed while it was in use, so that nothing computed since is kept; bring "
        + "back what it was and give the same command again, which continues after what is written."
    case .unusableTokenizer(let path, let problem, let fix):
      "\(path): the tokenizer cannot be used: \(problem.shown(limit: 600)); \(fix)."
    case .cannotWrite(let path, let reason):
      "\(path): cannot be written: \(reason)"
        + (reason.contains("; ")
          ? "." : "; check the folder, its permissions and the space on the disk.")
    case .stopped(let path):
      "\(path): the import was stopped and nothing was written; start it again."
    }
  }
}
