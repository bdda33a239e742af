import Foundation
import Runs
import TestSupport
import Testing
import Transformer

/// The same bytes from run to run, and from one number of threads to another.
@Suite struct DeterminismTests {
  private let scratch: TemporaryFolder

  init() throws { scratch = try TemporaryFolder() }

  /// Every result of a run with so many threads, by the file's name.
  private func results(
    threads: Int, _ folder: String, _ options: [String] = []
  ) throws -> [String: Data] {
    let outcome = try ToolRunner.run(
      ["run", "run.yaml", "-q", "--runs", folder] + options, in: scratch.path,
      shell: "ZIGZAG_THREADS=\(threads) exec \"$@\"")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let run = scratch.path("\(folder)/tiny")
    let names = (FileManager.default.enumerator(atPath: run)?.allObjects ?? [])
      .compactMap { $0 as? String }
    var found: [String: Data] = [:]
    // The clock, the log and the record of the machine are not results, nor is the page that shows them.
    let others = ["timings.csv", "log.txt", "run.json", "report.html", ".lock"]
    for name in names where !others.contains(name) {
      found[name] = FileManager.default.contents(atPath: "\(run)/\(name)")
    }
    return found
  }

  private func makeRun() throws {
    try TinyModel.write(TinyModel.wide, to: scratch.path("tiny.h5"))
    try scratch.write(
      TinyRun.configuration(steps: 8, checkpointEvery: 4).replacing("128", with: "700"),
      to: "run.yaml")
  }

  @Test func resultsDoNotDependOnTheNumberOfThreads() throws {
    try makeRun()
    let expected = try results(threads: 1, "one")
    #expect(expected["gates.tsv"] != nil && expected["checkpoint.h5"] != nil)
    #expect(expected.keys.contains { $0.hasSuffix(".headmap.json") })
    #expect(try results(threads: 1, "again") == expected)
    for threads in [2, 3, 8] {
      let found = try results(threads: threads, "with-\(threads)")
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (name, bytes) in found {
        #expect(bytes == expected[name], "\(name) with \(threads) threads")
      }
    }
  }

  @Test(.enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"))
  func norWithOpenBLAS() throws {
    try makeRun()
    let options = ["--set", "compute.products=openblas"]
    let expected = try results(threads: 1, "one", options)
    #expect(expected["gates.tsv"] != nil && expected["checkpoint.h5"] != nil)
    for threads in [2, 3, 8] {
      let found = try results(threads: threads, "with-\(threads)", options)
      #expect(found == expected, "\(threads) threads")
    }
    let record = try #require(try RunRecord.read(scratch.path("one/tiny/run.json")))
    #expect(record.linearAlgebra == BLASRuntime.name)
    #expect(record.configuration?.compute.products == .openblas)
  }

  @Test(arguments: ["0", "two", "-1", "100000"])
  func impossibleNumbersOfThreads(text: String) throws {
    let outcome = try ToolRunner.run(
      ["inspect", "none.h5"], shell: "ZIGZAG_THREADS=\(text) exec \"$@\"")
    expectRefusal(outcome, code: 64, saying: "ZIGZAG_THREADS is \"\(text)\"", "from 1 to 1024")
  }
}
