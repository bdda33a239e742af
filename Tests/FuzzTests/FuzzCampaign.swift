import Foundation
import ModelLoader
import Support
import TestSupport
import Testing

/// Runs one parser on many damaged files; file number i is the same on every machine.
///
/// `ZIGZAG_FUZZ` says how many files, `ZIGZAG_FUZZ_FIRST` from which number on; so
/// `ZIGZAG_FUZZ_FIRST=712 ZIGZAG_FUZZ=1` makes number 712 again. While a file is read it lies in
/// /dev/shm (or the temporary folder) under the process, the parser's name and its number: after a
/// crash it is the one that is left, and so are files whose outcome was wrong.
struct FuzzCampaign {
  /// Files in `make test`.
  static let defaultCount = 250
  /// No file may take longer, in seconds of this thread's own time.
  ///
  /// `ZIGZAG_FUZZ_SECONDS` says how many where a sanitizer makes everything slow.
  static let timeLimit = environment["ZIGZAG_FUZZ_SECONDS"].flatMap { Double($0) } ?? 2
  /// No file may cost more memory than `memoryFactor` times its size and `memoryFloor` bytes.
  static let memoryFactor = 64
  /// What any reader may take, however small its file.
  static let memoryFloor = 16 << 20

  /// The parser's name, which also tells its inputs from another's.
  let parser: String
  /// What the name of an input ends with.
  let suffix: String
  /// The sound files, which are inputs 0, 1, … themselves and must be read.
  let seeds: [[UInt8]]
  /// Makes input after input.
  let mutate: (inout TestRandom) -> [UInt8]
  /// What an error must name: the path, or this where it is not nil; "" where errors name no file.
  var named: String?

  private static let environment = ProcessInfo.processInfo.environment
  private static let count = environment["ZIGZAG_FUZZ"].flatMap { Int($0) }
  private static let first = environment["ZIGZAG_FUZZ_FIRST"].flatMap { Int($0) } ?? 0
  private static let folder =
    FileManager.default.isWritableFile(atPath: "/dev/shm")
    ? "/dev/shm" : FileManager.default.temporaryDirectory.path

  /// Reads every input, or the first `count`, with `parse`, which throws what the parser throws and
  /// uses what it returns.
  func run(count: Int? = nil, _ parse: (_ path: String) throws -> Void) throws {
    var tally = Tally()
    let first = count == nil ? Self.first : 0
    for number in first..<first + (count ?? Self.count ?? Self.defaultCount) {
      let bytes = input(number)
      let path = "\(Self.folder)/zigzag-fuzz-\(getpid())-\(parser)-\(number)\(suffix)"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let refused = tally.refused
      if try isSound(path, byteCount: bytes.count, &tally, parse) {
        #expect(
          tally.refused == refused || number >= seeds.count, "\(path): a sound file is refused")
        try FileManager.default.removeItem(atPath: path)
      }
    }
    if Self.count != nil { tally.print(parser) }
  }

  /// Input `number`, whatever came before it.
  private func input(_ number: Int) -> [UInt8] {
    if seeds.indices.contains(number) { return seeds[number] }
    let seed = parser.utf8.reduce(UInt64(number)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    var random = TestRandom(seed: seed)
    return mutate(&random)
  }

  private func isSound(
    _ path: String, byteCount: Int, _ tally: inout Tally, _ parse: (String) throws -> Void
  ) throws -> Bool {
    // A parser that never comes back ends the process; its input stays behind.
    alarm(60)
    defer { alarm(0) }
    // In `make test` other suites run in the same process, and their memory would count.
    let peak = Self.count == nil ? nil : MemoryPeak()
    let start = Self.threadSeconds()
    var flaw: String?
    do {
      try parse(path)
      tally.accepted += 1
    } catch {
      tally.refused += 1
      flaw = self.flaw(of: error, path: path)
    }
    let elapsed = Self.threadSeconds() - start
    let growth = peak?.growth() ?? 0
    tally.add(seconds: elapsed, bytes: growth, byteCount: byteCount)
    if elapsed > Self.timeLimit { flaw = "it took \(elapsed) s" }
    if growth > Self.memoryFactor * byteCount + Self.memoryFloor {
      flaw = "its \(byteCount) bytes cost \(growth) bytes of memory"
    }
    if let flaw { Issue.record("\(path): \(flaw)") }
    return flaw == nil
  }

  private static func threadSeconds() -> Double {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// What is wrong with an error, or nil: it must be the library's own and one sentence that names
  /// the file.
  private func flaw(of error: any Error, path: String) -> String? {
    guard let error = error as? any ZigzagError else { return "another error: \(error)" }
    let sentence = error.description
    if sentence.isEmpty || sentence.utf8.count > 1000 {
      return "a description of \(sentence.utf8.count) bytes: \(sentence.prefix(300))"
    }
    if sentence.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
      return "a description with control characters: \(sentence.debugDescription)"
    }
    let name = named ?? path
    return name.isEmpty || sentence.contains(name) ? nil : "it names no file: \(sentence)"
  }
}

/// What came of the inputs of one parser.
private struct Tally {
  var accepted = 0
  var refused = 0
  private var seconds = 0.0
  private var slowest = 0.0
  private var largestGrowth = 0
  private var largestFile = 0

  mutating func add(seconds: Double, bytes: Int, byteCount: Int) {
    self.seconds += seconds
    slowest = max(slowest, seconds)
    largestGrowth = max(largestGrowth, bytes)
    largestFile = max(largestFile, byteCount)
  }

  func print(_ parser: String) {
    let count = accepted + refused
    let mean = String(format: "%.0f", seconds / Double(max(count, 1)) * 1e6)
    let longest = String(format: "%.1f", slowest * 1e3)
    Swift.print(
      "fuzz \(parser): \(count) inputs, \(accepted) accepted, \(refused) refused, mean \(mean) us,"
        + " slowest \(longest) ms, largest input \(largestFile) bytes,"
        + " largest growth \(largestGrowth >> 10) KiB")
  }
}
