import Foundation
import Support
import TestSupport
import Testing

/// The tool with MPI, where there is one.
private enum RankTool {
  static let path = ProcessInfo.processInfo.environment["ZIGZAG_MPI_TOOL"]
  /// What starts its ranks, with its options.
  static let launcher =
    ProcessInfo.processInfo.environment["ZIGZAG_MPIRUN"]
    ?? "mpirun --allow-run-as-root --oversubscribe --bind-to none"
  /// How Open MPI and MPICH tell a process its rank.
  static let rankNames = ["OMPI_COMM_WORLD_RANK=", "PMI_RANK="]
}

/// Runs whose work several ranks share: the same bytes as one process, and an orderly end whatever happens.
///
/// They need mpirun and a build of the tool with MPI, which `make ranks` makes and names in `ZIGZAG_MPI_TOOL`. Open MPI's
/// mpirun starts them, or what `ZIGZAG_MPIRUN` says.
@Suite(.serialized, .enabled(if: RankTool.path != nil, "needs a build with MPI; run make ranks"))
struct RankTests {
  /// Files that tell how long something took or on what machine, and the page that shows it.
  private static let clocked: Set = [
    "run.json", "timings.csv", "report.html", "log.txt", ".lock",
  ]
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    let run = TinyRun.configuration(steps: 5, checkpointEvery: 2)
      .replacing("context_max: 128,", with: "context_max: 128, batch: 4, samples: 6,")
      .replacing("criteria: [max,", with: "criteria: [search, max,")
      .replacing("  samples: 2\n", with: "  samples: 3\n  baselines: [lazy, one-layer-back]\n")
      .replacing(
        "answer_lead_in: \"\"}}]",
        with: "answer_lead_in: \"\"}, decode: true}, {name: prose, prose: {}}]")
    let more = """

      compute: {teacher_cache: 100MB}
      search: {samples: 3, units: [layers, heads], swap_rounds: 1, starts: [rankings, scores]}
      scores:
        methods: [qrhead, evaluator, mean-qk, lazy, one-layer-back]
        samples: 3
        context: 400
        documents: 3
        masking: {heads: [2], samples: 3, seeds: [1]}

      """
    try scratch.write(run + more, to: "run.yaml")
    try scratch.write(
      run.replacing("recent: 8}", with: "recent: 8, phase: decode}") + more, to: "decode.yaml")
  }

  /// Runs so many ranks to their end; `before` stands before mpirun in the shell's line.
  private func mpirun(
    _ ranks: Int, _ arguments: [String], before: String = "", options: String = ""
  ) throws -> ToolOutcome {
    try ToolRunner.run(
      arguments, in: scratch.path, shell: Self.line(ranks, before: before, options: options))
  }

  /// Takes signals again: threads of tests block them, and mpirun would inherit that.
  private static let unblocked =
    "python3 -c 'import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); "
    + "os.execvp(sys.argv[1], sys.argv[1:])'"

  private static func line(_ ranks: Int, before: String = "", options: String = "") -> String {
    "\(before) exec \(unblocked) \(RankTool.launcher) \(options) -n \(ranks) "
      + "\(RankTool.path ?? "") \"${@:2}\""
  }

  /// Every result of a run, by the file's name.
  private func results(_ folder: String) -> [String: Data] {
    let run = scratch.path("\(folder)/tiny")
    let names = (FileManager.default.enumerator(atPath: run)?.allObjects ?? []).compactMap {
      $0 as? String
    }
    var found: [String: Data] = [:]
    for name in names where !Self.clocked.contains(name) {
      found[name] = FileManager.default.contents(atPath: "\(run)/\(name)")
    }
    return found
  }

  private func expectSame(
    _ found: [String: Data], _ expected: [String: Data], _ what: String
  ) {
    #expect(found.keys.sorted() == expected.keys.sorted(), "\(what)")
    for (name, bytes) in found { #expect(bytes == expected[name], "\(name) of \(what)") }
  }

  @Test(arguments: ["run.yaml", "decode.yaml"])
  func resultsDoNotDependOnTheNumberOfRanks(configuration: String) throws {
    let alone = try scratch.zigzag("run", configuration, "-q", "--runs", "alone")
    try #require(alone.code == 0, "\(alone.errors)")
    let expected = results("alone")
    for name in ["gates.tsv", "checkpoint.h5", "search-heads.csv", "scores.csv", "curves.csv"] {
      #expect(expected[name] != nil, "\(name)")
    }
    #expect(expected["heads-qrhead.json"] != nil && expected["masking.csv"] != nil)
    for ranks in [1, 2, 3, 4] {
      let outcome = try mpirun(ranks, ["run", configuration, "--runs", "of-\(ranks)"])
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.output == "of-\(ranks)/tiny/report.html\n")
      expectSame(results("of-\(ranks)"), expected, "\(ranks) ranks")
      guard ranks > 1 else { continue }
      let log = try scratch.text(of: "of-\(ranks)/tiny/log.txt")
      #expect(log.contains("\(ranks) ranks on 1 machine"))
      for kind in ["learn", "losses", "evaluate", "score", "mask", "attention"] {
        #expect(log.contains("\(kind) "), "\(kind)")
      }
      print(log.split(separator: "\n").last { $0.contains("the ranks sent") } ?? "no traffic")
    }
    let threads = try mpirun(
      2, ["run", configuration, "-q", "--runs", "threads"], before: "export ZIGZAG_THREADS=2;")
    try #require(threads.code == 0, "\(threads.errors)")
    expectSame(results("threads"), expected, "2 ranks of 2 threads")
  }

  /// A file descriptor stands for the model, so that ranks of one machine find different ones at its path.
  @Test func ranksWithOtherModelsAreRefused() throws {
    try TinyModel.write(to: scratch.path("other.h5"), seed: 8)
    try scratch.write(
      try scratch.text(of: "run.yaml").replacing("model: tiny.h5", with: "model: /proc/self/fd/9"),
      to: "fd.yaml")
    func outcome(_ second: String) throws -> ToolOutcome {
      func rank(_ redirection: String) -> String {
        "-n 1 bash -c 'exec \(RankTool.path ?? "") run fd.yaml -q \(redirection)'"
      }
      return try ToolRunner.run(
        [], in: scratch.path,
        shell: "exec \(RankTool.launcher) \(rank("9<tiny.h5")) : \(rank(second))")
    }
    let others = try outcome("9<other.h5")
    #expect(others.code == 64, "\(others.errors)")
    let sentence = others.errorLines.filter { $0.hasPrefix("zigzag: ") }
    #expect(sentence.count == 1, "\(others.errors)")
    for words in ["rank 0 on ", "rank 1 on ", "the weights of the model has SHA-256"] {
      #expect(sentence.first?.contains(words) == true, "\(others.errors)")
    }
    let none = try outcome("9<&-")
    #expect(none.code == 66, "\(none.errors)")
    #expect(none.errors.contains("zigzag: rank 1 on "), "\(none.errors)")
    #expect(try outcome("9<tiny.h5").code == 0)
  }

  @Test func whatOneProcessDoesIsRefused() throws {
    let outcome = try mpirun(3, ["inspect", "tiny.h5"])
    #expect(outcome.code == 64 && outcome.output.isEmpty)
    let sentences = outcome.errorLines.filter { $0.hasPrefix("zigzag: ") }
    #expect(sentences.count == 1 && sentences[0].contains("inspect is the work of one process"))
    #expect(try mpirun(2, ["--help"]).code == 0)
    #expect(try mpirun(1, ["inspect", "tiny.h5"]).code == 0)
    let other = try ToolRunner.run(
      ["inspect", "tiny.h5"], in: scratch.path,
      shell: "exec \(RankTool.launcher) -n 2 \"$@\"")
    #expect(other.code == 64 && other.errors.contains("was built without MPI"), "\(other.errors)")
    let missing = try mpirun(2, ["run", "none.yaml"])
    #expect(missing.code == 66 && missing.errors.contains("none.yaml"))
  }

  /// The process that started another one, nil when there is none of this number.
  private func parent(of process: pid_t) -> pid_t? {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else {
      return nil
    }
    return status.split(separator: ")").last?.split(separator: " ").dropFirst().first
      .flatMap { pid_t($0) }
  }

  /// The processes of ranks, by their number: the launcher starts them, or a program of the launcher does (MPICH).
  private func ranks(of job: Process) -> [Int: pid_t] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    var found: [Int: pid_t] = [:]
    for process in all.compactMap({ pid_t($0) }) {
      guard let first = parent(of: process),
        first == job.processIdentifier || parent(of: first) == job.processIdentifier,
        let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ")
      else { continue }
      for entry in environment.split(separator: 0) {
        let text = String(decoding: entry, as: UTF8.self)
        guard let name = RankTool.rankNames.first(where: text.hasPrefix) else { continue }
        if let rank = Int(text.dropFirst(name.count)) { found[rank] = process }
      }
    }
    return found
  }

  /// Waits so many seconds at most for the job to end, and that nothing is left of it.
  private func expectEnd(_ job: Process, within seconds: Double, _ ranks: [Int: pid_t]) {
    let limit = ContinuousClock.now + .seconds(seconds)
    while job.isRunning && ContinuousClock.now < limit { Thread.sleep(forTimeInterval: 0.01) }
    #expect(!job.isRunning, "the job goes on")
    if job.isRunning { kill(job.processIdentifier, SIGKILL) }
    job.waitUntilExit()
    while ContinuousClock.now < limit, ranks.values.contains(where: { kill($0, 0) == 0 }) {
      Thread.sleep(forTimeInterval: 0.01)
    }
    for (rank, process) in ranks { #expect(kill(process, 0) != 0, "rank \(rank) is left") }
  }

  private func start(_ arguments: [String], output: TemporaryFolder) throws -> Process {
    try ToolRunner.start(arguments, in: scratch.path, shell: Self.line(3), scratch: output)
  }

  /// A calibration that takes its time, into a folder.
  private static func calibration(_ folder: String) -> [String] {
    ["calibrate", "run.yaml", "-q", "--set", "calibration.steps=150", "--runs", folder]
  }

  /// One of three ranks is killed at random moments of a run, which is given again until it ends.
  @Test func aKilledRankEndsTheJobAndNothingIsLost() throws {
    let clock = ContinuousClock.now
    let whole = try mpirun(3, ["run", "run.yaml", "-q", "--runs", "whole"])
    let seconds = (ContinuousClock.now - clock) / .seconds(1)
    try #require(whole.code == 0, "\(whole.errors)")
    let expected = results("whole")
    let asked = ProcessInfo.processInfo.environment["ZIGZAG_RANK_KILLS"].flatMap { Int($0) }
    var chance = TestRandom(seed: 3)
    var (kills, ends) = (0, 0)
    while kills < asked ?? 3 {
      let output = try TemporaryFolder()
      let job = try start(["run", "run.yaml", "-q", "--runs", "work"], output: output)
      let moment = ContinuousClock.now + .seconds(.random(in: 0.5..<seconds, using: &chance))
      while job.isRunning && ContinuousClock.now < moment { Thread.sleep(forTimeInterval: 0.005) }
      let processes = ranks(of: job)
      let rank = Int.random(in: 0..<3, using: &chance)
      guard let process = processes[rank], kill(process, SIGKILL) == 0 else {
        job.waitUntilExit()
        if job.terminationStatus == 0 {
          expectSame(results("work"), expected, "a run after \(kills) kills")
          try FileManager.default.removeItem(atPath: scratch.path("work"))
          ends += 1
        }
        continue
      }
      kills += 1
      expectEnd(job, within: 10, processes)
      #expect(job.terminationStatus != 0)
      // MPICH's launcher says it in its output.
      let errors = try output.text(of: "err") + output.text(of: "out")
      let words = ["has ended", "exited on signal", "BAD TERMINATION"]
      #expect(words.contains { errors.contains($0) }, "\(errors)")
    }
    let last = try mpirun(3, ["run", "run.yaml", "-q", "--runs", "work"])
    #expect(last.code == 0, "\(last.errors)")
    expectSame(results("work"), expected, "the last run")
    if asked != nil { print("\(kills) kills of a rank, \(ends + 1) ends, all of the same bytes") }
  }

  /// A calibration of three ranks that has written a checkpoint, and the processes of its ranks.
  private func startedCalibration(
    _ output: TemporaryFolder
  ) throws -> (job: Process, ranks: [Int: Int32]) {
    let job = try start(Self.calibration("work"), output: output)
    let limit = ContinuousClock.now + .seconds(60)
    while !scratch.holds("work/tiny/checkpoint.h5"), job.isRunning, ContinuousClock.now < limit {
      Thread.sleep(forTimeInterval: 0.01)
    }
    let processes = ranks(of: job)
    try #require(processes.count == 3)
    return (job, processes)
  }

  /// What a scheduler sends before it takes the machines away: SIGTERM to every rank, or SIGUSR1 to mpirun.
  @Test(arguments: [SIGTERM, SIGUSR1]) func aSignalKeepsWhatIsDone(signal: Int32) throws {
    let output = try TemporaryFolder()
    let (job, processes) = try startedCalibration(output)
    if signal == SIGTERM {
      for process in processes.values { kill(process, signal) }
    } else {
      kill(job.processIdentifier, signal)
    }
    expectEnd(job, within: 30, processes)
    let errors = try output.text(of: "err")
    #expect(job.terminationStatus == 75, "\(errors)")
    #expect(errors.contains("the same command continues from there"), "\(errors)")
    let alone = try ToolRunner.run(Self.calibration("alone"), in: scratch.path)
    try #require(alone.code == 0, "\(alone.errors)")
    let rest = try mpirun(2, Self.calibration("work"))
    #expect(rest.code == 0, "\(rest.errors)")
    expectSame(results("work"), results("alone"), "a calibration that was stopped")
  }

  @Test func ranksEndWithTheirLauncher() throws {
    let output = try TemporaryFolder()
    let (job, processes) = try startedCalibration(output)
    kill(job.processIdentifier, SIGKILL)
    expectEnd(job, within: 10, processes)
  }
}
