import Foundation
import Logging
import MapReporter
import ModelLoader
import Runs
import Support
import Synchronization
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

/// Writes log messages to the console, above the progress bar, and to the run's log file.
struct ConsoleLogHandler: LogHandler {
  /// The least level that is shown; the log file takes all from ``logLevel`` on.
  let shownLevel: Logger.Level
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  /// Shows messages from `level` on; files take notices even when nothing is shown.
  init(shownLevel level: Logger.Level) {
    shownLevel = level
    logLevel = min(level, .info)
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let facts = metadata.merging(event.metadata ?? [:]) { _, new in new }
      .sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    let label = event.level >= .warning ? "\(event.level): " : ""
    let stamp = Date().formatted(.iso8601)
    Console.shared.log(
      "\(label)\(event.message)\(facts)", stamp: stamp, shown: event.level >= shownLevel)
  }
}

/// Shows a pipeline's steps as progress and its reports as log lines.
final class ConsoleObserver: WorkObserver {
  private let meter = Locked<ProgressMeter?>(nil)
  private let logger = Logger(label: "run")

  /// An observer of work that ends behind its step when it is interrupted.
  init() { Interruption.letStepsEnd() }

  func stepBegan(_ step: String, unit: String, done: Int, total: Int) {
    let new = ProgressMeter(step, unit: unit, total: total, startedAt: done)
    meter.withLock { $0 = new }
  }

  func stepAdvanced(to done: Int, note: String) {
    meter.withLock { $0 }?.update(done, note: note)
  }

  func stepExpects(_ total: Int) { meter.withLock { $0 }?.expect(total) }

  func report(_ message: String) { logger.info("\(message)") }

  func warn(_ message: String) { logger.warning("\(message)") }

  var isInterrupted: Bool { Interruption.isRequested }
}

/// Shows how far a task is: a bar on a terminal, elsewhere a line every ten seconds and at the end.
///
/// What has not come far in its first seconds shows that it has begun.
final class ProgressMeter: Sendable {
  private struct State {
    var estimate: ProgressEstimate
    var lastShown: ContinuousClock.Instant?
    var isFinished = false
  }

  private let state: Locked<State>
  private let start = ContinuousClock.now
  private let console = Console.shared

  /// Whether progress is shown at all; `--quiet` turns it off before any work begins.
  static let isShown = Atomic<Bool>(true)

  /// A meter for `total` units of a task, of which `startedAt` were done before.
  init(_ title: String, unit: String, total: Int, startedAt: Int = 0) {
    state = Locked(
      State(
        estimate: ProgressEstimate(
          title: title, unit: unit, total: total, startedAt: startedAt)))
    DispatchQueue.global().asyncAfter(deadline: .now() + Self.silence) { [weak self] in
      self?.showBeginning()
    }
  }

  /// Seconds after which a task shows that it has begun, if nothing was shown.
  private static let silence = 5.0

  /// Shows how far the task is if nothing was shown yet.
  private func showBeginning() {
    guard Self.isShown.load(ordering: .relaxed) else { return }
    let now = ContinuousClock.now
    state.withLock { state in
      guard state.lastShown == nil, !state.isFinished, state.estimate.done < state.estimate.total
      else { return }
      state.estimate.elapsed = (now - start) / .seconds(1)
      show(state.estimate, after: .infinity)
      state.lastShown = now
    }
  }

  /// Reports that `done` units of `total` are done; `note` is shown after them.
  func update(_ done: Int, of total: Int? = nil, note: String = "") {
    guard Self.isShown.load(ordering: .relaxed) else { return }
    let now = ContinuousClock.now
    state.withLock { state in
      guard !state.isFinished else { return }
      state.estimate.done = done
      state.estimate.total = total ?? state.estimate.total
      state.estimate.elapsed = (now - start) / .seconds(1)
      state.estimate.note = note
      // A terminal shows the first at once.
      let waited =
        state.lastShown.map { (now - $0) / .seconds(1) }
        ?? (console.isTerminal ? .infinity : (now - start) / .seconds(1))
      if show(state.estimate, after: waited) { state.lastShown = now }
      state.isFinished = state.estimate.done >= state.estimate.total
    }
  }

  /// There are `total` units, not as many as were thought.
  func expect(_ total: Int) { state.withLock { $0.estimate.total = total } }

  /// Shows a task for which nothing was shown for `waited` seconds, where that is long enough or all that is to come.
  ///
  /// - Returns: Whether it is shown.
  @discardableResult
  private func show(_ estimate: ProgressEstimate, after waited: Double) -> Bool {
    let isLast = estimate.done >= estimate.total
    if console.isTerminal {
      guard isLast || waited > 0.1 else { return false }
      console.draw(bar: isLast ? "" : estimate.bar(width: console.width))
      if isLast { console.say(estimate.line) }
      return true
    }
    guard isLast || waited > 10 else { return false }
    console.say(estimate.line)
    return true
  }
}

/// `text` with blanks before it up to `width` characters.
func padded(_ text: String, to width: Int) -> String {
  String(repeating: " ", count: max(width - text.count, 0)) + text
}

/// Refuses an option that names one thing twice.
func requireOnce(_ choices: [String], _ option: String) throws(ToolError) {
  var seen: Set<String> = []
  for choice in choices where !seen.insert(choice).inserted {
    throw .usage("\(option) names \(choice) twice; name each once")
  }
}

/// A count of bytes for people: 98.4 MB.
func byteCount(_ bytes: Int) -> String {
  let units = ["bytes", "kB", "MB", "GB", "TB"]
  var (value, unit) = (Double(bytes), 0)
  while value >= 1000 && unit + 1 < units.count {
    (value, unit) = (value / 1000, unit + 1)
  }
  return "\(fixed(value, unit == 0 ? 0 : 1)) \(units[unit])"
}

/// Rows as lines of aligned columns, two blanks apart: the first to the left, the others to the right.
func aligned(_ rows: [[String]]) -> [String] {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
  }
  return rows.map { row in
    row.enumerated().map { column, text in
      guard column == 0 else { return padded(text, to: widths[column]) }
      return text + String(repeating: " ", count: max(widths[0] - text.count, 0))
    }.joined(separator: "  ")
  }
}
