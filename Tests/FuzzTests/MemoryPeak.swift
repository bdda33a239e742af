import Foundation

/// How much the process's resident memory grows at most, where the system tells (Linux).
struct MemoryPeak {
  private let start: Int

  /// Starts the measurement; nil where the peak cannot be reset, and under a sanitizer's shadow.
  init?() {
    guard ProcessInfo.processInfo.environment["ASAN_OPTIONS"] == nil,
      let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs"),
      (try? file.write(contentsOf: Data("5".utf8))) != nil, let now = Self.peak()
    else { return nil }
    start = now
  }

  /// The bytes between the start and the highest point since.
  func growth() -> Int { (Self.peak() ?? start) - start }

  private static func peak() -> Int? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
      return nil
    }
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
  }
}
