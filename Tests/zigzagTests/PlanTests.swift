import Foundation
import TestSupport
import Testing

/// `zigzag run --plan`: what a run will take, before anything is computed.
@Suite struct PlanTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(TinyModel.wide, to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 6, checkpointEvery: 2), to: "run.yaml")
  }

  @Test func everyStageHasATimeAndNothingIsWritten() throws {
    let outcome = try scratch.zigzag("run", "run.yaml", "--plan")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines.first?.split(separator: " ").first == "stage")
    for (stage, work) in [
      ("learn", "6 steps"), ("search", "evaluations of layers, everywhere 2+8"),
      ("evaluate", "everywhere 2+8"), ("evaluate", "decode 2+8"),
    ] {
      #expect(
        lines.contains { $0.hasPrefix(stage) && $0.contains("about ") && $0.contains(work) },
        "\(stage), \(work): \(outcome.output)")
    }
    #expect(lines.last?.contains("in all") == true)
    #expect(!scratch.holds("runs"))
  }

  /// What could not run has no plan either.
  @Test func whatCannotRunIsRefused() throws {
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "--plan", "--set", "evaluation.context=4"), code: 64,
      saying: "evaluation.context")
  }

  /// What a plan says of a stage, as JSON.
  private struct Plan: Decodable {
    struct Stage: Decodable {
      let stage: String
      let seconds: Double
      let bytes: Int
      let sent: Int
    }
    let stages: [Stage]
    let machines: Int
    let cores: Int
    let core_rate: Double
    let model_bytes: Int

    subscript(name: String) -> Stage? { stages.first { $0.stage == name } }
  }

  private func plan(_ more: String...) throws -> Plan {
    let outcome = try ToolRunner.run(
      [
        "run", "run.yaml", "--plan", "--json", "--set", "calibration.batch=4", "--set",
        "search.samples=4", "--set", "evaluation.samples=6",
      ] + more, in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(Plan.self, from: Data(outcome.output.utf8))
  }

  /// Samples are dealt out: time is that of the machine with most, and whole samples alone are dealt but in an
  /// evaluation.
  @Test func machinesShareSamples() throws {
    let one = try plan("--machines", "1", "--cores", "32", "--core-rate", "60")
    #expect(one.machines == 1 && one.cores == 32 && one.core_rate == 60e9)
    #expect(one.stages.allSatisfy { $0.sent == 0 && $0.seconds > 0 })
    for (machines, learn, evaluate) in [(2, 2.0, 2.0), (3, 2.0, 3.0), (4, 4.0, nil), (8, 4.0, nil)]
    {
      let shared = try plan("--machines", "\(machines)", "--cores", "32", "--core-rate", "60")
      for (stage, factor) in [("learn", learn), ("evaluate", evaluate)] {
        let (alone, each) = (try #require(one[stage]), try #require(shared[stage]))
        #expect(each.sent > 0)
        // Six samples on four or eight machines: the last ones are shared by their maps.
        guard let factor else {
          #expect(each.seconds < alone.seconds / 3 && each.seconds > alone.seconds / 8)
          continue
        }
        #expect(abs(alone.seconds / each.seconds / factor - 1) < 1e-9, "\(stage) \(machines)")
      }
      // Four prompts are read, and most sets are judged on two of them.
      let (alone, each) = (try #require(one["search"]), try #require(shared["search"]))
      #expect(each.sent > 0 && each.bytes < alone.bytes)
      #expect(each.seconds >= alone.seconds / 4 && each.seconds < alone.seconds / 1.99)
    }
    let faster = try plan("--machines", "1", "--cores", "64", "--core-rate", "90")
    for (stage, other) in zip(one.stages, faster.stages) {
      #expect(abs(stage.seconds / other.seconds - 3) < 1e-9)
    }
    // Machines of the cores of this one, at the rate that is measured.
    let here = try plan("--machines", "2")
    #expect(here.cores >= 1 && here.core_rate > 0)
  }

  /// Prompts of a finite set are read once where there is room for them.
  @Test func teachersThatAreKeptTeachOnce() throws {
    let rate = ["--core-rate", "1", "--set", "window.phase=decode"]
    func learn(_ more: String...) throws -> Double {
      let outcome = try ToolRunner.run(
        ["run", "run.yaml", "--plan", "--json"] + rate + more.flatMap { ["--set", $0] },
        in: scratch.path)
      #expect(outcome.code == 0, "\(outcome.errors)")
      return try #require(
        JSONDecoder().decode(Plan.self, from: Data(outcome.output.utf8))["learn"]?.seconds)
    }
    let endless = try learn()
    #expect(try learn("calibration.samples=2") == endless)
    let kept = try learn("calibration.samples=2", "compute.teacher_cache=1GiB")
    #expect(kept < 0.6 * endless && kept > 0.1 * endless)
  }

  /// A config.json stands for a model that is not there.
  @Test func shapesOfAnotherModel() throws {
    let shapes = """
      {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
      "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256,
      "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "max_position_embeddings": 8192,
      "tie_word_embeddings": false, "torch_dtype": "bfloat16"}
      """
    try scratch.write(shapes, to: "config.json")
    let own = try plan("--core-rate", "60")
    let large = try plan("--core-rate", "60", "--shapes", "config.json")
    // 8,030,261,248 parameters, the norms' in float32.
    #expect(large.model_bytes == 2 * 8_030_261_248 + 2 * 65 * 4096)
    for (small, large) in zip(own.stages, large.stages) {
      #expect(large.seconds > 1000 * small.seconds && large.bytes > 20 * small.bytes)
    }
    // Keys that nobody knows are named.
    try scratch.write(
      shapes.replacing("\"head_dim\"", with: "\"some_key\": 3, \"head_dim\""), to: "odd.json")
    let odd = try scratch.zigzag(
      "run", "run.yaml", "--plan", "--core-rate", "60", "--shapes", "odd.json")
    #expect(odd.code == 0 && odd.errors.contains("odd.json: "), "\(odd.errors)")
    #expect(odd.errors.contains("some_key"), "\(odd.errors)")
    // What limits a context is named, and sizes that no number counts are refused.
    try scratch.write(shapes.replacing(": 8192", with: ": 64"), to: "short.json")
    try scratch.write(
      shapes.replacing("\"hidden_size\": 4096", with: "\"hidden_size\": 1048576")
        .replacing("14336", with: "16777216").replacing(
          "\"num_hidden_layers\": 32", with: "\"num_hidden_layers\": 1024"),
      to: "wide.json")
    try scratch.write(shapes.replacing(": 8192", with: ": 16777216"), to: "long.json")
    try scratch.write(shapes.replacing("\"llama\"", with: "\"mamba\""), to: "config.json")
    for (arguments, code, words) in [
      (["--plan", "--shapes", "config.json"], 65, "config.json: key model_type"),
      (["--plan", "--shapes", "none.json"], 66, "none.json"),
      (["--plan", "--shapes", "short.json"], 64, "short.json was made for at most 64"),
      (["--plan", "--shapes", "wide.json"], 65, "wide.json: the sizes"),
      (
        ["--plan", "--shapes", "long.json", "--set", "evaluation.context=16777216"], 64,
        "too many to count"
      ),
      (["--plan", "--machines", "0"], 64, "--machines is 0"),
      (["--plan", "--cores", "-1"], 64, "--cores is -1"),
      (["--plan", "--core-rate", "-5"], 64, "--core-rate is -5"),
      (["--plan", "--core-rate", "nan"], 64, "--core-rate is nan"),
      (["--machines", "2"], 64, "--machines is for a plan"),
      (["--json"], 64, "--json is for a plan"),
    ] as [([String], Int32, String)] {
      let outcome = try ToolRunner.run(["run", "run.yaml"] + arguments, in: scratch.path)
      #expect(outcome.code == code && outcome.errors.contains(words), "\(outcome.errors)")
      #expect(!scratch.holds("runs"))
    }
  }
}
