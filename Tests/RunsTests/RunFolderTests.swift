import Foundation
import MapReporter
import Runs
import Support
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
    changed.calibration?.steps = 9
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
    let scores = """
      task,pattern,sample,metric,place,sum,count
      far,f,0,tokens,0,1,2
      words,f,0,tokens,0,1,2

      """
    var configuration = configuration
    configuration.evaluation.tasks.append(
      EvaluationTask(name: "far", context: 99, task: .fiveDigits))
    do {
      let folder = try RunFolder.open(for: configuration, in: scratch.path)
      try folder.write("0\n", to: folder.files.gates)
      try folder.write(scores, to: folder.files.scores)
    }
    var changed = configuration
    changed.calibration?.checkpointEvery = 1
    changed.report.keptFraction = 0.5
    changed.evaluation.samples = 1
    changed.evaluation.sparsities = [0.5]
    changed.evaluation.tasks[0].samples = 3
    _ = try RunFolder.open(for: changed, in: scratch.path)
    func kept() throws -> String {
      try String(contentsOfFile: scratch.path("test/scores.csv"), encoding: .utf8)
    }
    #expect(try kept() == scores)
    // The task with a length of its own stays as it is.
    changed.evaluation.context = 77
    _ = try RunFolder.open(for: changed, in: scratch.path)
    #expect(try kept() == scores.replacing("words,f,0,tokens,0,1,2\n", with: ""))
    changed.evaluation.seed = 78
    _ = try RunFolder.open(for: changed, in: scratch.path)
    #expect(try kept() == "task,pattern,sample,metric,place,sum,count\n")
    #expect(FileManager.default.fileExists(atPath: scratch.path("test/gates.tsv")))
  }

  @Test func halfWrittenFilesAreRemoved() throws {
    do { _ = try RunFolder.open(for: configuration, in: scratch.path) }
    try scratch.write("half", to: "test/.gates.tsv.zigzag-1a2b3c.tmp")
    // A user's own files, whatever they are called.
    let own = [
      ".x.tmp", ".gates.tsv.abc.tmp", ".zigzag-1.tmp", ".a.zigzag-.tmp", ".a.zigzag-12345678.tmp",
      ".a.zigzag-A.tmp", "gates.tsv.zigzag-1.tmp", ".a.zigzag-1.tmp~",
    ]
    for name in own { try scratch.write("mine", to: "test/\(name)") }
    // A pipe of such a name is not waited for, nor is it ours.
    #expect(unsafe mkfifo(scratch.path("test/.pipe.zigzag-1.tmp"), 0o600) == 0)
    _ = try RunFolder.open(for: configuration, in: scratch.path)
    #expect(!scratch.holds("test/.gates.tsv.zigzag-1a2b3c.tmp"))
    #expect(own.allSatisfy { scratch.holds("test/\($0)") })
    #expect(scratch.holds("test/.pipe.zigzag-1.tmp"))
  }

  @Test func aPathThatCannotBeAFolderIsOneSentence() throws {
    try scratch.write("", to: "file")
    let error = #expect(throws: FileError.self) {
      _ = try RunFolder.open(for: configuration, in: scratch.path("file"))
    }
    #expect(
      error?.description.hasPrefix("\(scratch.path("file"))/test: cannot be written: ") == true)
  }

  @Test func theRecordReadsBack() throws {
    var record = RunRecord()
    record.seconds = ["learn": 1.5]
    record.model = HeadMap.Model(layers: 2, keyValueHeads: 1)
    let path = try scratch.write(record.json(), to: "run.json")
    #expect(try RunRecord.read(path) == record)
    #expect(try RunRecord.read(scratch.path("absent")) == nil)
    try scratch.write("{", to: "run.json")
    #expect(throws: FileError.self) { try RunRecord.read(path) }
  }
}
