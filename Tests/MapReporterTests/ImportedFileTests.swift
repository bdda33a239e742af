import Foundation
import GateOptimizer
import MapReporter
import Support
import TestSupport
import Testing
import Transformer

/// What a file from elsewhere is taken for, whoever asks: `evaluation.maps`, a cut, or the start of learning.
@Suite struct ImportedFileTests {
  private let scratch: TemporaryFolder
  private static let gates = [[0.5, 1], [0, 0.25]]

  init() throws {
    scratch = try TemporaryFolder()
    try scratch.write("0.5\t1\n0\t0.25\n", to: "gates.tsv")
    try scratch.write("0.5 1\n0 0.25\n", to: "gates.csv")
    try scratch.write("1\t0\n0\t1\n", to: "cut.tsv")
    try FileManager.default.createDirectory(
      atPath: scratch.path("pattern"), withIntermediateDirectories: true)
    try scratch.write("0.5\t1\n0\t0.25\n", to: "pattern/full_attention_heads.tsv")
    // Two query heads a key-value head; the larger mean counts.
    try scratch.write(
      #"{"0-0": [0.5], "0-1": [0.25], "0-2": [1], "0-3": [0], "#
        + #""1-0": [0], "1-1": [0], "1-2": [0.5, 0], "1-3": [0]}"#, to: "scores.json")
    try scratch.write("streaming,loss,retrieval\n0,0,0 1\n1,0.1,1\n2,0.2,\n", to: "search.csv")
    try HeadMap(
      model: HeadMap.Model(layers: 2, keyValueHeads: 2), window: HeadMap.Window(sink: 1, recent: 2),
      gates: Self.gates, heads: HeadSet([[true, true], [false, false]]),
      criterion: HeadMap.Criterion(name: "max"), requestedSparsity: 0.5,
      calibration: HeadMap.Calibration(source: "test")
    ).write(to: URL(fileURLWithPath: scratch.path("map.json")))
  }

  private func read(
    _ name: String, _ use: ImportedFile.Use, layers: Int = 2
  ) throws -> ImportedFile {
    try ImportedFile(scratch.path(name), space: MapSpace(layers: layers, heads: 2), for: use)
  }

  @Test(arguments: ["gates.tsv", "gates.csv", "pattern", "scores.json"])
  func gatesAreGatesForEveryUse(name: String) throws {
    for use in [ImportedFile.Use.measuring(nil), .measuring(.gates), .cutting, .starting] {
      let file = try read(name, use)
      guard case .gates(let gates) = file.content else {
        Issue.record("\(name) is \(file.content)")
        continue
      }
      #expect(gates.rows == Self.gates && file.notes.isEmpty)
    }
    let own = name == "pattern" ? "pattern/full_attention_heads.tsv" : name
    #expect(ImportedFile.hashed(at: scratch.path(name)) == scratch.path(own))
    let error = #expect(throws: MapReporterError.self) { try read(name, .measuring(.map)) }
    #expect(error?.description.contains("\(own), whose kind is map, must be") == true)
    #expect(throws: MapReporterError.self) { try read(name, .measuring(nil), layers: 3) }
  }

  @Test func aTableOfZerosAndOnesIsNeverAMapWithoutAWord() throws {
    let rows = [[true, false], [false, true]]
    let unsaid = try read("cut.tsv", .measuring(nil))
    #expect(unsaid.notes.count == 1 && unsaid.notes[0].contains("holds only 0 and 1"))
    #expect(unsaid.notes[0].contains("one finished map"))
    let said = try read("cut.tsv", .measuring(.map))
    #expect(said.notes.isEmpty)
    for file in [unsaid, said] {
      guard case .map(let heads) = file.content else {
        Issue.record("no map")
        continue
      }
      #expect(heads.rows == rows)
    }
    for use in [ImportedFile.Use.measuring(.gates), .cutting] {
      let file = try read("cut.tsv", use)
      guard case .gates(let gates) = file.content else {
        Issue.record("no gates")
        continue
      }
      #expect(gates.rows == [[1, 0], [0, 1]])
      #expect(file.notes.count == 1 && file.notes[0].contains("holds only 0 and 1"))
      #expect(file.notes[0].contains("50.0\u{a0}%, decides between equals"))
    }
    #expect(try read("cut.tsv", .starting).notes.isEmpty)
  }

  @Test func aTableThatIsSaidToBeAMapNamesItsOtherValue() throws {
    let error = #expect(throws: MapReporterError.self) { try read("gates.tsv", .measuring(.map)) }
    #expect(error?.description.contains("0.5 for layer 0, head 0") == true)
  }

  @Test func whatIsChosenAlreadyIsNotCut() throws {
    for (name, word) in [("map.json", "finished map"), ("search.csv", "table of a search")] {
      for use in [ImportedFile.Use.cutting, .measuring(.gates)] {
        let error = #expect(throws: MapReporterError.self) { try read(name, use) }
        #expect(error?.description.contains(word) == true)
      }
      #expect(throws: MapReporterError.self) { try GateSource(path: scratch.path(name)) }
    }
    guard case .map(let heads) = try read("map.json", .measuring(.map)).content,
      case .searched(let maps) = try read("search.csv", .measuring(nil)).content
    else {
      Issue.record("neither map nor search")
      return
    }
    #expect(heads.rows == [[true, true], [false, false]])
    #expect(try maps.retrievalHeads(sparsity: 0.5).rows == [[false, false], [true, true]])
    #expect(try read("map.json", .starting).content.asGates.rows == [[1, 1], [0, 0]])
    #expect(throws: MapReporterError.self) { try read("search.csv", .measuring(.map)) }
    #expect(throws: MapReporterError.self) { try read("map.json", .measuring(nil), layers: 3) }
  }

  /// Where no text says what a file is, its reader's own sentence does.
  @Test func damagedFilesAreRefusedByWhatTheyShouldBe() throws {
    try scratch.write(#"{"0-0": [0.5], "head": [1]}"#, to: "odd.json")
    #expect(ImportedFile.format(of: scratch.path("odd.json")) == .headMap)
    let cut = #expect(throws: FileError.self) { try read("odd.json", .cutting) }
    #expect(cut?.description.contains("retrieval scores are") == true)
    let map = #expect(throws: FileError.self) { try read("odd.json", .measuring(nil)) }
    #expect(map?.description.contains("expected a value, found nothing") == true)
    for name in ["none.tsv", "none.csv", "none.json", "none"] {
      for use in [ImportedFile.Use.measuring(nil), .cutting, .starting] {
        let error = #expect(throws: FileError.self) { try read(name, use) }
        #expect(error?.category == .missingInput)
      }
    }
    try scratch.write("0.5\t1\n0\t0.25\n", to: "pattern/gates.tsv")
    let two = #expect(throws: MapReporterError.self) { try read("pattern", .measuring(nil)) }
    #expect(two?.description.contains("full_attention_heads.tsv and gates.tsv") == true)
  }
}
