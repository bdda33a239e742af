import Foundation
import MapReporter
import TestSupport
import Testing

@Suite struct RunFolderTests {
  private let scratch: TemporaryFolder
  private var configuration = RunConfiguration(name: "test", model: "tiny.h5")

  init() throws { scratch = try TemporaryFolder() }

  @Test func aNewFolderHoldsTheResolvedConfiguration() throws {
    let folder = try RunFolder.open(for: configuration, in: scratch.path)
    #expect(folder.path == scratch.path("test"))
    let read = try RunConfiguration(
      ConfigurationDocument(contentsOf: folder.files.configuration))
    #expect(read == configuration)
  }

  @Test func aSecondUserIsRefusedByName() throws {
    let first = try RunFolder.open(for: configuration, in: scratch.path)
    let error = #expect(throws: RunError.self) {
      _ = try RunFolder.open(for: configuration, in: scratch.path)
    }
    #expect(error?.description.contains("process \(getpid()) on ") == true)
    #expect(error?.category == .cannotWrite)
    _ = consume first
    _ = try RunFolder.open(for: configuration, in: scratch.path)
  }

  @Test func otherSettingsAreRefusedOnceThereAreGates() throws {
    var changed = configuration
    changed.calibration.steps = 9
    changed.window.recent = 8
    do {
      let folder = try RunFolder.open(for: configuration, in: scratch.path)
      try folder.write("0\n", to: folder.files.gates)
    }
    let error = #expect(throws: RunError.self) {
      _ = try RunFolder.open(for: changed, in: scratch.path)
    }
    #expect(
      error
        == .otherRun(
          folder: scratch.path("test"),
          differences: [
            "calibration.steps is 9, there it was 120", "window.recent is 8, there it was 64",
          ]))
    try FileManager.default.removeItem(atPath: scratch.path("test/gates.tsv"))
    _ = try RunFolder.open(for: changed, in: scratch.path)
  }

  @Test func settingsThatDoNotTouchTheGatesMayChange() throws {
    do {
      let folder = try RunFolder.open(for: configuration, in: scratch.path)
      try folder.write("0\n", to: folder.files.gates)
      try folder.write("x\n", to: folder.files.accuracies)
    }
    var changed = configuration
    changed.calibration.checkpointEvery = 1
    changed.report.keptFraction = 0.5
    changed.evaluation.samples = 1
    changed.evaluation.sparsities = [0.5]
    _ = try RunFolder.open(for: changed, in: scratch.path)
    #expect(FileManager.default.fileExists(atPath: scratch.path("test/accuracies.csv")))
    changed.evaluation.context = 77
    _ = try RunFolder.open(for: changed, in: scratch.path)
    #expect(!FileManager.default.fileExists(atPath: scratch.path("test/accuracies.csv")))
    #expect(FileManager.default.fileExists(atPath: scratch.path("test/gates.tsv")))
  }

  @Test func halfWrittenFilesAreRemoved() throws {
    do { _ = try RunFolder.open(for: configuration, in: scratch.path) }
    try scratch.write("half", to: "test/.gates.tsv.abc.tmp")
    _ = try RunFolder.open(for: configuration, in: scratch.path)
    #expect(!FileManager.default.fileExists(atPath: scratch.path("test/.gates.tsv.abc.tmp")))
  }

  @Test func aPathThatCannotBeAFolderIsOneSentence() throws {
    try scratch.write("", to: "file")
    let error = #expect(throws: RunError.self) {
      _ = try RunFolder.open(for: configuration, in: scratch.path("file"))
    }
    #expect(error?.description.hasPrefix("cannot write \(scratch.path("file"))/test: ") == true)
  }

  @Test func theRecordReadsBack() throws {
    var record = RunRecord()
    record.seconds = ["learn": 1.5]
    record.model = HeadMap.Model(layers: 2, keyValueHeads: 1)
    let path = try scratch.write(record.json(), to: "run.json")
    #expect(try RunRecord.read(path) == record)
    #expect(try RunRecord.read(scratch.path("absent")) == nil)
    try scratch.write("{", to: "run.json")
    #expect(throws: RunError.self) { try RunRecord.read(path) }
  }
}
