import Foundation
import ModelLoader
import TestSupport
import Testing

/// Processes that are killed at random moments, again and again, and then left to finish.
@Suite struct KillTests {
  private static let kills = 50
  private let scratch: TemporaryFolder

  init() throws { scratch = try TemporaryFolder() }

  @Test func aKilledCalibrationEndsWithTheSameBytes() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 400, checkpointEvery: 3), to: "run.yaml")
    let calibrate = ["calibrate", "run.yaml", "-q"]
    #expect(try ToolRunner.run(calibrate + ["--runs", "whole"], in: scratch.path).code == 0)
    let whole = try results(in: "whole/tiny")
    #expect(whole.keys.contains("gates.tsv") && whole.keys.contains { $0.hasPrefix("maps/") })
    var chance = TestRandom(seed: 20)
    for _ in 0..<Self.kills {
      if try killed(calibrate, after: Double.random(in: 0..<0.15, using: &chance)) == false {
        // It was faster than the kill: the next one starts anew.
        #expect(try results(in: "runs/tiny") == whole)
        try FileManager.default.removeItem(atPath: scratch.path("runs"))
      } else {
        try expectNothingHalf(in: "runs/tiny", whole)
      }
    }
    #expect(try ToolRunner.run(calibrate, in: scratch.path).code == 0)
    #expect(try results(in: "runs/tiny") == whole)
    #expect(try temporaryFiles(in: "runs").isEmpty)
  }

  @Test func aKilledImportLeavesAllOrNothing() throws {
    let gguf = ToolFixture.tinyLlama
    #expect(try ToolRunner.run(["import", gguf, "whole.h5"], in: scratch.path).code == 0)
    let whole = FileManager.default.contents(atPath: scratch.path("whole.h5"))
    try FileManager.default.createDirectory(
      atPath: scratch.path("models"), withIntermediateDirectories: false)
    var chance = TestRandom(seed: 21)
    for _ in 0..<Self.kills {
      _ = try killed(
        ["import", gguf, "models/m.h5", "-q"], after: Double.random(in: 0..<0.06, using: &chance))
      let found = FileManager.default.contents(atPath: scratch.path("models/m.h5"))
      #expect(found == nil || found == whole)
      if found != nil { try FileManager.default.removeItem(atPath: scratch.path("models/m.h5")) }
    }
    #expect(try ToolRunner.run(["import", gguf, "models/m.h5"], in: scratch.path).code == 0)
    #expect(FileManager.default.contents(atPath: scratch.path("models/m.h5")) == whole)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path("models")) == ["m.h5"])
  }

  /// Starts the tool and kills it after so many seconds; false if it had finished by then.
  private func killed(_ arguments: [String], after seconds: Double) throws -> Bool {
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(arguments, in: scratch.path, scratch: output)
    let end = Date(timeIntervalSinceNow: seconds)
    while process.isRunning && Date() < end { Thread.sleep(forTimeInterval: 0.001) }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let wasKilled = process.terminationReason == .uncaughtSignal
    #expect(wasKilled ? process.terminationStatus == SIGKILL : process.terminationStatus == 0)
    return wasKilled
  }

  /// What a run must end with, by the file's name: everything but the clock and the machine.
  private func results(in folder: String) throws -> [String: Data] {
    var found: [String: Data] = [:]
    for name in try names(in: folder)
    where ["gates.tsv", "metrics.csv", "checkpoint.h5", "config.yaml"].contains(name)
      || name.hasPrefix("maps/")
    {
      found[name] = FileManager.default.contents(atPath: scratch.path("\(folder)/\(name)"))
    }
    return found
  }

  /// Every file that a reader can see is whole: the end's, or an earlier one of the same run.
  private func expectNothingHalf(in folder: String, _ whole: [String: Data]) throws {
    for (name, bytes) in try results(in: folder) {
      switch name {
      case "metrics.csv": #expect(whole[name]?.starts(with: bytes) == true && bytes.last == 10)
      case "checkpoint.h5":
        let root = try HDF5Object(opening: scratch.path("\(folder)/\(name)"))
        #expect(root.hasChild("gates"))
        try root.readAll()
      default: #expect(bytes == whole[name], "\(name)")
      }
    }
    if let record = FileManager.default.contents(atPath: scratch.path("\(folder)/run.json")) {
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: record) }
    }
  }

  private func names(in folder: String) throws -> [String] {
    let manager = FileManager.default
    guard let found = manager.enumerator(atPath: scratch.path(folder)) else { return [] }
    return found.compactMap { $0 as? String }.filter { name in
      !(name.split(separator: "/").last ?? "").hasPrefix(".")
        && (try? manager.attributesOfItem(atPath: scratch.path("\(folder)/\(name)"))[.type])
          as? FileAttributeType == .typeRegular
    }
  }

  private func temporaryFiles(in folder: String) throws -> [String] {
    let found = FileManager.default.enumerator(atPath: scratch.path(folder))
    return (found?.allObjects ?? []).compactMap { $0 as? String }.filter { $0.hasSuffix(".tmp") }
  }
}
