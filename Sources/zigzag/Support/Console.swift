import Foundation
import ModelLoader
import Support
import Transformer

/// Standard error: messages, and below them the progress bar of the moment.
final class Console: Sendable {
  static let shared = Console()

  private struct State {
    var bar = ""
    var logFile: FileHandle?
  }

  private let state = Locked(State())

  /// Whether a person watches, so that a bar can be redrawn in place.
  let isTerminal = isatty(STDERR_FILENO) == 1

  /// Writes one line above the bar.
  func say(_ line: String) {
    state.withLock { state in
      write(erasing: state.bar, line + "\n" + state.bar)
    }
  }

  /// Writes one line above the bar, and to the log file where there is one.
  func log(_ line: String, stamp: String, shown: Bool) {
    state.withLock { state in
      if shown { write(erasing: state.bar, line + "\n" + state.bar) }
      // A full disk shows when results are written; a log line is not worth ending a run.
      try? state.logFile?.write(contentsOf: Data("\(stamp) \(line)\n".utf8))
    }
  }

  /// Replaces the bar; empty text takes it away.
  func draw(bar: String) {
    state.withLock { state in
      write(erasing: state.bar, bar)
      state.bar = bar
    }
  }

  /// Appends what is logged to the file at `path` from now on; what is there and is no file is left alone.
  func alsoLog(to path: String) {
    // Without blocking: a named pipe is not waited for.
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK
    let descriptor = unsafe open(path, flags, 0o644)
    var status = stat()
    guard descriptor >= 0, unsafe fstat(descriptor, &status) == 0,
      status.st_mode & S_IFMT == S_IFREG
    else {
      if descriptor >= 0 { close(descriptor) }
      return say("warning: \(path) cannot be written, so that nothing is logged there")
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    state.withLock { $0.logFile = handle }
  }

  /// Columns of the terminal.
  var width: Int {
    var size = winsize()
    let code = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size)
    return code == 0 && size.ws_col > 0 ? Int(size.ws_col) - 1 : 79
  }

  private func write(erasing bar: String, _ text: String) {
    let erase = bar.isEmpty ? "" : "\r\u{1B}[2K"
    try? FileHandle.standardError.write(contentsOf: Data((erase + text).utf8))
  }
}

/// Standard output: results only.
enum Results {
  /// Writes one line of the result.
  static func print(_ line: String) throws(ToolError) { try write(Data((line + "\n").utf8)) }

  /// Writes bytes of the result.
  static func write(_ bytes: Data) throws(ToolError) {
    do {
      try FileHandle.standardOutput.write(contentsOf: bytes)
    } catch {
      throw .cannotPrint(reason: systemMessage(of: error))
    }
  }

  /// Writes a value as JSON, keys in alphabetical order.
  static func print(json value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }
}

/// Standard output for very many short lines: they are written some at a time, since each write is a system call.
struct ResultWriter {
  private static let most = 1 << 16
  private var bytes: [UInt8] = []

  /// Adds text to the result.
  mutating func write(_ text: String) throws(ToolError) {
    bytes += text.utf8
    if bytes.count >= Self.most { try flush() }
  }

  /// Adds a line to the result.
  mutating func line(_ text: String) throws(ToolError) { try write(text + "\n") }

  /// Writes what has been added; to be called at the end.
  mutating func flush() throws(ToolError) {
    try Results.write(Data(bytes))
    bytes.removeAll(keepingCapacity: true)
  }
}
