import Foundation
import MapReporter
import Synchronization

/// Memory of this process, bytes; 0 where the system does not tell.
public struct ProcessMemory: Codable, Sendable, Equatable {
  /// The most that was resident at any time, pages of mapped files included (`getrusage`).
  public var peakBytes: Int
  /// The same as Linux's VmHWM.
  public var highWaterBytes: Int
  /// Resident now without mapped files: what the page cache could not give back (RssAnon).
  public var anonymousBytes: Int
  /// Resident pages of mapped files now, the model's (RssFile).
  public var fileBytes: Int
  /// The most that ``anonymousBytes`` was while it was watched.
  public var peakAnonymousBytes: Int

  /// What is so now; ``peakAnonymousBytes`` is not less than `watched`.
  init(watched: Int = 0) {
    let facts = Self.status()
    var usage = rusage()
    // Linux counts in KiB.
    peakBytes =
      unsafe getrusage(Int32(RUSAGE_SELF.rawValue), &usage) == 0 ? usage.ru_maxrss * 1024 : 0
    highWaterBytes = facts["VmHWM"] ?? 0
    anonymousBytes = facts["RssAnon"] ?? 0
    fileBytes = facts["RssFile"] ?? 0
    peakAnonymousBytes = max(watched, anonymousBytes)
  }

  /// Runs `body` and watches the process's memory, every few milliseconds, until it returns.
  static func watching<Result>(_ body: () -> Result) -> (result: Result, memory: ProcessMemory) {
    let watch = Watch()
    Thread.detachNewThread { watch.run() }
    let result = body()
    watch.stop()
    return (result, ProcessMemory(watched: watch.peak.load(ordering: .relaxed)))
  }

  /// The byte counts of /proc/self/status, by name.
  private static func status() -> [String: Int] {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let facts = text.split(separator: "\n").compactMap { line -> (String, Int)? in
      let words = line.split { $0 == ":" || $0 == "\t" || $0 == " " }
      guard words.count == 3, words[2] == "kB", let value = Int(words[1]) else { return nil }
      return (String(words[0]), value * 1024)
    }
    return Dictionary(facts) { first, _ in first }
  }

  /// A thread that looks at the memory again and again.
  private final class Watch: Sendable {
    let peak = Atomic<Int>(0)
    private let isDone = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    func run() {
      while !isDone.load(ordering: .relaxed) {
        peak.max(ProcessMemory.status()["RssAnon"] ?? 0, ordering: .relaxed)
        Thread.sleep(forTimeInterval: 0.005)
      }
      ended.signal()
    }

    func stop() {
      isDone.store(true, ordering: .relaxed)
      ended.wait()
    }
  }
}
