import Foundation
import ModelLoader
import TestSupport
import Testing

/// What a user can get wrong: one clear sentence and the right exit code each.
@Suite struct RefusalTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
  }

  /// Contexts that the tiny model can hold.
  private let fitting = [
    "calibration.context_min=256", "calibration.context_max=256", "evaluation.context=256",
  ]

  private func inspect(_ name: String, _ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(["inspect", scratch.path(name)] + arguments)
  }

  /// Runs a configuration of the tiny model with overrides, and what `yaml` adds.
  private func run(
    _ yaml: String = "", _ overrides: [String] = [], shell: String = "exec \"$@\""
  ) throws -> ToolOutcome {
    try scratch.write("name: tiny\nmodel: tiny.h5\n" + yaml, to: "run.yaml")
    return try ToolRunner.run(
      ["run", "run.yaml"] + overrides.flatMap { ["--set", $0] }, in: scratch.path, shell: shell)
  }

  // MARK: model files

  @Test func aModelFileIsShown() throws {
    let outcome = try inspect("tiny.h5", "--check", "--json")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("\"num_hidden_layers\" : 2"))
  }

  @Test func aMissingModel() throws {
    expectRefusal(try inspect("none.h5"), code: 66, saying: "none.h5")
    expectRefusal(
      try run("", ["model=none.h5"]), code: 66, saying: "none.h5")
  }

  @Test func aTextFileNamedAsAModel() throws {
    try scratch.write("Dear model,\n", to: "text.h5")
    expectRefusal(try inspect("text.h5"), code: 65, saying: "text.h5", "HDF5")
  }

  @Test(arguments: [0, 7, 100, 2000, 20_000])
  func aTruncatedModel(bytes: Int) throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: scratch.path("tiny.h5")))
    try whole.prefix(bytes).write(to: URL(fileURLWithPath: scratch.path("cut.h5")))
    expectRefusal(try inspect("cut.h5"), code: 65, saying: "cut.h5")
  }

  @Test func aTensorOfWrongShape() throws {
    do {
      let file = try HDF5Node(opening: scratch.path("tiny.h5"))
      try file.child("config")?.setAttribute("vocab_size", .integer(255))
    }
    expectRefusal(
      try inspect("tiny.h5"), code: 65, saying: "model.embed_tokens.weight",
      "expected shape [255, 16], found shape [256, 16]")
  }

  @Test func aFolderOfAnUnknownArchitecture() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path("folder"), withIntermediateDirectories: true)
    try scratch.write(#"{"model_type": "mamba"}"#, to: "folder/config.json")
    expectRefusal(
      try ToolRunner.run(["import", scratch.path("folder"), scratch.path("out.h5")]), code: 65,
      saying: "mamba")
    #expect(!scratch.holds("out.h5"))
  }

  // MARK: configurations

  @Test(arguments: [
    ("calibration:\n  stepz: 4\n", "run.yaml:4: calibration.stepz", "did you mean steps?"),
    ("window: {recent: 0}\n", "run.yaml:3: window.recent is 0", "at least 1"),
    ("evaluation: {sparsities: [1.5]}\n", "run.yaml:3: evaluation.sparsities is 1.5", "0 and 1"),
    (
      "calibration: {context_max: 4096}\n", "run.yaml:3: calibration.context_max is 4096",
      "at most 512"
    ),
  ])
  func anImpossibleConfiguration(yaml: String, place: String, advice: String) throws {
    let tokens = fitting.filter { !$0.hasPrefix("calibration.context_max") }
    expectRefusal(try run(yaml, tokens), code: 64, saying: place, advice)
  }

  @Test func aMissingConfiguration() throws {
    expectRefusal(
      try ToolRunner.run(["run", scratch.path("none.yaml")]), code: 66, saying: "none.yaml")
  }

  // MARK: outputs

  @Test func aFolderThatCannotBeWritten() throws {
    try scratch.write("", to: "runs")
    expectRefusal(try run("", fitting), code: 73, saying: "runs/tiny")
    let gguf = ToolFixture.tinyLlama
    expectRefusal(
      try ToolRunner.run(["import", gguf, scratch.path("runs/out.h5")]), code: 73, saying: "out.h5")
  }

  @Test(.enabled(if: getuid() != 0, "root may write everywhere"))
  func aFolderWithoutPermission() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path("runs"), withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o555])
    expectRefusal(try run("", fitting), code: 73, saying: "runs/tiny")
  }

  @Test func aFileThatMayNotGrow() throws {
    // One block of 512 or 1,024 bytes: even the resolved configuration does not fit.
    expectRefusal(
      try run("", fitting, shell: "ulimit -f 1; exec \"$@\""), code: 73, saying: "config.yaml")
  }

  @Test(.enabled(if: getuid() == 0, "only root can mount a small disk"))
  func aFullDisk() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path("runs"), withIntermediateDirectories: true)
    let shell = """
      mount -t tmpfs -o size=8k none runs 2>/dev/null || exit 99
      head -c 8192 /dev/zero > runs/full 2>/dev/null
      "$@"; code=$?; umount runs; exit $code
      """
    let outcome = try run("", fitting, shell: shell)
    if outcome.code == 99 { try Test.cancel("this container may not mount a disk") }
    expectRefusal(outcome, code: 73, saying: "runs/tiny")
  }
}
