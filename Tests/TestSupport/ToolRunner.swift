import Foundation

/// What a run of the tool left behind.
package struct ToolOutcome: Sendable {
  /// The exit code, or minus the signal that ended it.
  package let code: Int32
  /// Everything on standard output.
  package let output: String
  /// Everything on standard error.
  package let errors: String

  /// The lines on standard error.
  package var errorLines: [Substring] { errors.split(separator: "\n") }
}

/// Runs the built `zigzag` binary, the one beside this test bundle.
package enum ToolRunner {
  /// The binary: built products and test bundle share a folder.
  package static let binary: String = {
    let test = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? test
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().appending(path: "zigzag").path
  }()

  /// Runs `zigzag` with `arguments` in `folder` to its end.
  ///
  /// With `shell`, a bash command line in which `"$@"` is the tool and its arguments, such as
  /// `ulimit -f 8; exec "$@"`.
  package static func run(
    _ arguments: [String], in folder: String? = nil, shell: String = "exec \"$@\""
  ) throws -> ToolOutcome {
    let scratch = try TemporaryFolder()
    let process = try start(arguments, in: folder, shell: shell, scratch: scratch)
    process.waitUntilExit()
    return ToolOutcome(
      code: process.terminationReason == .exit
        ? process.terminationStatus : -process.terminationStatus,
      output: try String(contentsOfFile: scratch.path("out"), encoding: .utf8),
      errors: try String(contentsOfFile: scratch.path("err"), encoding: .utf8))
  }

  /// Starts `zigzag` without waiting; its output goes to `out` and `err` in `scratch`.
  package static func start(
    _ arguments: [String], in folder: String? = nil, shell: String = "exec \"$@\"",
    scratch: TemporaryFolder
  ) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", shell, "bash", binary] + arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try scratch.newFile("out")
    process.standardError = try scratch.newFile("err")
    try process.run()
    return process
  }
}

/// A folder of its own for a test, removed with the last reference.
package final class TemporaryFolder: Sendable {
  /// The folder's path.
  package let path: String

  /// Creates an empty folder.
  package init() throws {
    path = FileManager.default.temporaryDirectory.path + "/zigzag-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in the folder.
  package func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a text file and returns its path.
  @discardableResult
  package func write(_ text: String, to name: String) throws -> String {
    try text.write(toFile: path(name), atomically: false, encoding: .utf8)
    return path(name)
  }

  /// The text of a file in the folder.
  package func text(of name: String) throws -> String {
    try String(contentsOfFile: path(name), encoding: .utf8)
  }

  /// Whether there is such a file or folder in the folder.
  package func holds(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// Runs the tool in the folder.
  package func zigzag(_ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(arguments, in: path)
  }

  /// A new, empty file open for writing.
  func newFile(_ name: String) throws -> FileHandle {
    try write("", to: name)
    return try FileHandle(forWritingTo: URL(fileURLWithPath: path(name)))
  }
}
