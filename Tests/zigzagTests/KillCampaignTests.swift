import Foundation
import ModelLoader
import Support
import TestSupport
import Testing

/// Every stage of a run, killed at random moments, again and again, and then left to finish.
///
/// `ZIGZAG_KILLS` says how many kills in all (`make kills`: 200) and prints a table; without it there are two
/// for each stage.
@Suite(.serialized) struct KillCampaignTests {
  /// What is killed.
  enum Stage: String, CaseIterable {
    case importing = "import"
    case learning = "calibrate"
    case searching = "search"
    case measuring = "evaluate"
    case reporting = "report"
    case sweeping = "sweep"

    /// The commands that come before it, with the folder of runs behind `--runs`.
    var before: [[String]] {
      switch self {
      case .importing, .learning, .sweeping: []
      case .searching: [["calibrate", "short.yaml"]]
      case .measuring: [["search", "short.yaml"]]
      case .reporting: [["evaluate", "short.yaml"]]
      }
    }

    /// The command itself, its results going to `folder`.
    func command(_ folder: String) -> [String] {
      switch self {
      case .importing: ["import", ToolFixture.tinyLlama, "\(folder)/m.h5", "-q"]
      case .learning: ["calibrate", "long.yaml", "-q", "--runs", folder]
      case .searching, .measuring: [rawValue, "short.yaml", "-q", "--runs", folder]
      case .reporting: ["report", "\(folder)/tiny", "-q"]
      case .sweeping: ["sweep", "sweep.yaml", "-q", "--runs", folder]
      }
    }
  }

  private static let kills = ProcessInfo.processInfo.environment["ZIGZAG_KILLS"].flatMap { Int($0) }
  /// Files that tell how long something took.
  private static let clocked: Set = ["run.json", "timings.csv", "sweep.json", "comparison.csv"]
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(TinyModel.wide, to: scratch.path("tiny.h5"))
    let more = "\nsearch: {samples: 4, units: [layers, heads]}\n"
    let run = TinyRun.configuration(steps: 6, checkpointEvery: 2)
      .replacing("criteria: [max,", with: "criteria: [search, max,")
      .replacing("  samples: 2\n", with: "  samples: 12\n")
    try scratch.write(run + more, to: "short.yaml")
    try scratch.write(
      TinyRun.configuration(steps: 120, checkpointEvery: 3) + more, to: "long.yaml")
    try scratch.write(
      "name: s\nbase: short.yaml\nvary: {window.recent: [12, 16], seed: [3]}\n", to: "sweep.yaml")
  }

  @Test(arguments: Stage.allCases) func nothingIsLost(_ stage: Stage) throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path("start"), withIntermediateDirectories: true)
    for command in stage.before {
      let outcome = try ToolRunner.run(command + ["-q", "--runs", "start"], in: scratch.path)
      try #require(outcome.code == 0, "\(outcome.errors)")
    }
    try restart("whole")
    let clock = ContinuousClock.now
    let whole = try ToolRunner.run(stage.command("whole"), in: scratch.path)
    let seconds = (ContinuousClock.now - clock) / .seconds(1)
    try #require(whole.code == 0, "\(whole.errors)")
    let (end, first) = (try files(in: "whole"), try files(in: "start"))
    var chance = TestRandom(seed: UInt64(stage.rawValue.utf8.count))
    let wanted = Self.kills.map { ($0 + Stage.allCases.count - 1) / Stage.allCases.count } ?? 2
    var (kills, resumed, finished) = (0, 0, 0)
    try restart("work")
    while kills < wanted {
      let found = try files(in: "work")
      if try killed(stage.command("work"), after: .random(in: 0..<seconds, using: &chance)) {
        kills += 1
        let now = try files(in: "work")
        for (name, bytes) in now where bytes != end[name] && bytes != first[name] {
          #expect(isWhole(name, bytes), "\(stage.rawValue): \(name) is not whole")
        }
        if found != first { resumed += 1 }
      } else {
        finished += 1
        try expectEnd(end)
        try restart("work")
      }
    }
    let last = try ToolRunner.run(stage.command("work"), in: scratch.path)
    #expect(last.code == 0, "\(last.errors)")
    try expectEnd(end)
    guard Self.kills != nil else { return }
    print(
      "| \(stage.rawValue) | \(kills) kills | \(resumed) of a process that went on | "
        + "\(finished + 1) ends, all of the same bytes |")
  }

  /// Begins again from what there was before the stage.
  private func restart(_ folder: String) throws {
    try? FileManager.default.removeItem(atPath: scratch.path(folder))
    try FileManager.default.copyItem(atPath: scratch.path("start"), toPath: scratch.path(folder))
  }

  /// Starts the tool and kills it after so many seconds; false if it had finished by then.
  private func killed(_ arguments: [String], after seconds: Double) throws -> Bool {
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(arguments, in: scratch.path, scratch: output)
    let end = ContinuousClock.now + .seconds(seconds)
    while process.isRunning && ContinuousClock.now < end { Thread.sleep(forTimeInterval: 0.001) }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let wasKilled = process.terminationReason == .uncaughtSignal
    #expect(wasKilled || process.terminationStatus == 0)
    return wasKilled
  }

  /// Everything but what the clock and the machine decide has the bytes of the undisturbed end.
  private func expectEnd(_ end: [String: Data]) throws {
    let found = try files(in: "work")
    let names = Set(found.keys).union(end.keys)
    for name in names where !Self.clocked.contains(last(name)) {
      // Pages tell how long it took; the page of a finished run is drawn from files that are the same.
      if name.hasSuffix(".html"), end.keys.contains("s/sweep.json") || !end.keys.contains(name) {
        continue
      }
      #expect(found[name] == end[name], "\(name)")
    }
    let manager = FileManager.default
    let left = manager.enumerator(atPath: scratch.path("work"))?.allObjects ?? []
    #expect(!left.contains { ($0 as? String)?.hasSuffix(".tmp") == true })
  }

  /// Whether a file of a stage on its way is one that was written to its end.
  private func isWhole(_ name: String, _ bytes: Data) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    switch name.split(separator: ".").last {
    case "json": return (try? JSONSerialization.jsonObject(with: bytes)) != nil
    case "html": return text.hasSuffix("</html>\n")
    case "svg": return text.hasSuffix("</svg>\n")
    case "h5":
      guard let root = try? HDF5Object(opening: scratch.path("work/\(name)")) else { return false }
      return root.hasChild("gates") && (try? root.readAll()) != nil
    case "csv", "tsv":
      let separator: Character = name.hasSuffix("csv") ? "," : "\t"
      let lines = text.split(separator: "\n")
      let columns = lines.map { line in line.count { $0 == separator } }
      return text.hasSuffix("\n") && Set(columns).count == 1
    default: return text.hasSuffix("\n")
    }
  }

  /// The visible files below a folder but for the log, which is written line by line.
  private func files(in folder: String) throws -> [String: Data] {
    let manager = FileManager.default
    var found: [String: Data] = [:]
    for case let name as String in manager.enumerator(atPath: scratch.path(folder))?.allObjects
      ?? []
    {
      let path = scratch.path("\(folder)/\(name)")
      let type = try? manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType
      guard type == .typeRegular, !last(name).hasPrefix("."), last(name) != "log.txt" else {
        continue
      }
      found[name] = manager.contents(atPath: path)
    }
    return found
  }

  private func last(_ name: String) -> String {
    name.split(separator: "/").last.map(String.init) ?? ""
  }
}
