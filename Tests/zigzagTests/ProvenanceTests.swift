import Foundation
import ModelLoader
import Support
import TestSupport
import Testing

/// What a run was made from is written down, checked, and enough to make it again.
@Suite struct ProvenanceTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    let text = (0..<300).map { "Line \($0) of a text about nothing. " }.joined()
    try scratch.write(text, to: "text.txt")
    try scratch.write(
      TinyRun.configuration(steps: 6, checkpointEvery: 2)
        + "\nhaystack: {calibration: {files: [text.txt]}}\n", to: "run.yaml")
  }

  private func read(_ file: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: scratch.path(file)))
  }

  /// Changes one weight and leaves the hash that the file states.
  private func changeWeight(of file: String, to value: Float) throws {
    let inspection = try ModelFile.inspect(path: scratch.path(file))
    let tensor = try #require(inspection.tensors.first { $0.name.contains("q_proj") })
    var bytes = try read(file)
    let offset = try #require(tensor.byteOffset)
    let bits = value.bitPattern
    bytes.replaceSubrange(
      offset..<offset + 4, with: (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) })
    try bytes.write(to: URL(fileURLWithPath: scratch.path(file)))
  }

  @Test func aRunIsMadeAgainFromItsRecord() throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    try FileManager.default.removeItem(atPath: scratch.path("run.yaml"))
    let again = try scratch.zigzag("run", "--from", "runs/tiny/run.json", "--runs", "again")
    #expect(again.code == 0, "\(again.errors)")
    #expect(
      again.errors.contains(
        "metrics.csv, gates.tsv, search-layers.csv, attention.tsv, scores.csv, curves.csv, places.csv: the same "
          + "bytes as in runs/tiny"
      ))
    for file in [
      "gates.tsv", "metrics.csv", "search-layers.csv", "scores.csv", "curves.csv", "config.yaml",
      "maps/max-0.5.headmap.json",
    ] {
      #expect(try read("runs/tiny/\(file)") == read("again/tiny/\(file)"), "\(file)")
    }
  }

  @Test func aRecordIsNoConfigurationOfItsOwnFolder() throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    expectRefusal(
      try scratch.zigzag("run", "--from", "runs/tiny/run.json"), code: 64,
      saying: "is the run itself")
    expectRefusal(
      try scratch.zigzag("run", "--from", "runs/none/run.json"), code: 66,
      saying: "runs/none/run.json")
    try scratch.write("{}", to: "run.json")
    expectRefusal(
      try scratch.zigzag("run", "--from", "run.json"), code: 65, saying: "run.json", "settings")
    expectRefusal(
      try scratch.zigzag(
        "run", "--from", "runs/tiny/run.json", "--runs", "b", "--set", "windw.sink=3"),
      code: 64, saying: "--set windw.sink=3: windw is not a setting; did you mean window?")
  }

  @Test func otherInputsAreRefused() throws {
    #expect(try scratch.zigzag("calibrate", "run.yaml", "-q").code == 0)
    try scratch.write("Another text. It is quite short, but it will do. ", to: "text.txt")
    expectRefusal(
      try scratch.zigzag("calibrate", "run.yaml", "-q"), code: 64,
      saying: "text.txt is another file now")
    expectRefusal(
      try scratch.zigzag("run", "--from", "runs/tiny/run.json", "--runs", "b", "-q"), code: 64,
      saying: "text.txt is another file now")
  }

  @Test func gatesThatLearningStartsFromAreTheRunsOwn() throws {
    let start = "calibration.initial_gates=start.tsv"
    let calibrate = ["calibrate", "run.yaml", "-q", "--set", start]
    expectRefusal(
      try ToolRunner.run(calibrate, in: scratch.path), code: 66, saying: "start.tsv")
    try scratch.write("1\t0\n", to: "start.tsv")
    expectRefusal(
      try ToolRunner.run(calibrate, in: scratch.path), code: 65,
      saying: "start.tsv", "is for 1 layers × 2 key-value heads, but the model has 2 × 2")
    // A map, and the same as a table.
    #expect(try scratch.zigzag("run", "run.yaml", "-q", "--runs", "before").code == 0)
    let map = "before/tiny/maps/max-0.5.headmap.json"
    let json = try JSONSerialization.jsonObject(with: read(map)) as? [String: Any]
    let layers = try #require(json?["layer_full"] as? [Bool])
    try scratch.write(layers.map { $0 ? "1\t1\n" : "0\t0\n" }.joined(), to: "start.tsv")
    #expect(try ToolRunner.run(calibrate, in: scratch.path).code == 0)
    let other = calibrate + ["--runs", "b", "--set", "calibration.initial_gates=\(map)"]
    #expect(try ToolRunner.run(other, in: scratch.path).code == 0)
    let learned = try read("runs/tiny/gates.tsv")
    #expect(try read("b/tiny/gates.tsv") == learned)
    #expect(try read("before/tiny/gates.tsv") != learned)
    try scratch.write("1\t1\n1\t1\n", to: "start.tsv")
    expectRefusal(
      try ToolRunner.run(calibrate, in: scratch.path), code: 64,
      saying: "start.tsv is another file now")
  }

  /// A folder with a table counts by the table, a table of zeros and ones is named in log and report.
  @Test func filesFromElsewhereCountByWhatIsRead() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path("pattern"), withIntermediateDirectories: true)
    try scratch.write("0.9\t0.1\n0.2\t0.8\n", to: "pattern/full_attention_heads.tsv")
    try scratch.write("1\t0\n0\t1\n", to: "cut.tsv")
    let run = [
      "run", "run.yaml", "-q", "--set", "calibration.initial_gates=pattern", "--set",
      "evaluation.maps=[{name: theirs, file: pattern, criteria: [max]}, {name: cut, file: cut.tsv}]",
    ]
    let outcome = try ToolRunner.run(run, in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let note = "cut.tsv holds only 0 and 1 and is measured as one finished map"
    #expect(outcome.errorLines.count { $0.contains(note) } == 1, "\(outcome.errors)")
    #expect(try scratch.text(of: "runs/tiny/log.txt").contains(note))
    #expect(try scratch.text(of: "runs/tiny/report.html").contains(note))
    let curves = try scratch.text(of: "runs/tiny/curves.csv")
    #expect(curves.contains("\nimported:theirs:layer:max,") && curves.contains("\nimported:cut,"))
    // Where the entry says it, nothing needs to be said.
    let said = try ToolRunner.run(
      run.dropLast() + [#require(run.last).replacing("cut.tsv}", with: "cut.tsv, kind: map}")],
      in: scratch.path)
    #expect(said.code == 0 && !said.errors.contains(note), "\(said.errors)")
    #expect(try !scratch.text(of: "runs/tiny/report.html").contains(note))
    #expect(try scratch.text(of: "runs/tiny/curves.csv") == curves)
    try scratch.write("0.9\t0.1\n0.2\t0.7\n", to: "pattern/full_attention_heads.tsv")
    let other = try ToolRunner.run(run, in: scratch.path)
    #expect(other.code == 64, "\(other.errors)")
    #expect(other.errors.contains("pattern/full_attention_heads.tsv is another file now"))
  }

  @Test func anotherModelUnderTheSameNameIsRefused() throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    try TinyModel.write(to: scratch.path("tiny.h5"), seed: 8)
    for arguments in [
      ["run", "run.yaml"], ["calibrate", "run.yaml"], ["evaluate", "run.yaml"],
      ["rank", "runs/tiny", "-s", "0.5"], ["export", "runs/tiny"], ["report", "runs/tiny"],
    ] {
      expectRefusal(
        try ToolRunner.run(arguments + ["-q"], in: scratch.path), code: 64,
        saying: "runs/tiny", "the weights are", "there they were")
    }
    expectRefusal(
      try scratch.zigzag("export", "runs/tiny/maps/max-0.5.headmap.json", "--model", "tiny.h5"),
      code: 65,
      saying: "was made for weights with the hash")
    try FileManager.default.removeItem(atPath: scratch.path("tiny.h5"))
    #expect(try scratch.zigzag("rank", "runs/tiny", "-s", "0.5").code == 0)
  }

  @Test func weightsThatAreNotNumbersAreRefused() throws {
    try changeWeight(of: "tiny.h5", to: .nan)
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "-q"), code: 65, saying: "tiny.h5", "q_proj",
      "finite values")
  }

  @Test func weightsThatWereChangedAreRefused() throws {
    try changeWeight(of: "tiny.h5", to: 0.125)
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "-q"), code: 65, saying: "tiny.h5", "sha256",
      "the weights were changed")
  }

  @Test func samplesAreShownAndWritten() throws {
    let shown = try scratch.zigzag("samples", "run.yaml", "--count", "2")
    #expect(shown.code == 0, "\(shown.errors)")
    #expect(shown.output.contains("# sample 1: 128 tokens"))
    #expect(shown.output.contains("Key?"))
    let written = try scratch.zigzag(
      "samples", "run.yaml", "--task", "words", "--count", "3", "-o", "s")
    #expect(written.output == "s: 3 samples\n")
    let tokens = try NumpyFile.readInt32(path: scratch.path("s/tokens.npy"))
    let marks = try NumpyFile.readInt32(path: scratch.path("s/marks.npy"))
    #expect(tokens.shape == [3, 128] && marks.shape == [3, 128])
    // Every answer of two words has two first tokens.
    #expect(marks.values.count { $0 == 3 } == 6)
    #expect(Set(marks.values) == [0, 1, 2, 3])
    expectRefusal(
      try scratch.zigzag("samples", "run.yaml", "--task", "wrds"), code: 64,
      saying: "run.yaml has no evaluation task wrds; it has words")
    try scratch.write(
      TinyRun.configuration(steps: 1, checkpointEvery: 1).replacing(
        "answer_lead_in: \"\"}}]", with: "answer_lead_in: \"\"}}, {name: book, prose: {}}]"),
      to: "prose.yaml")
    expectRefusal(
      try scratch.zigzag("samples", "prose.yaml", "--task", "book"), code: 64,
      saying: "the task book of prose.yaml judges running text", "words")
  }
}
