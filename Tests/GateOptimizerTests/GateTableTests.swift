import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

@Suite struct GateTableTests {
  @Test func readsRowsOfLayersAndColumnsOfHeads() throws {
    let gates = try GateMatrix(tsv: "1.0\t2.5e-01\t0\n-1e-4\t.5\t1.0002\n", file: "g.tsv")
    #expect(gates.layers == 2)
    #expect(gates.heads == 3)
    #expect(gates.values == [1, 0.25, 0, -1e-4, 0.5, 1.0002])
    #expect(gates.clipped.values == [1, 0.25, 0, 0, 0.5, 1])
    #expect(Array(gates[layer: 1]) == [-1e-4, 0.5, 1.0002])
    #expect(gates[1, 2] == 1.0002)
  }

  @Test func takesOneColumnWindowsLineEndsBlanksAndAMissingLastLineEnd() throws {
    let column = try GateMatrix(tsv: "0.5\r\n0.25\r\n1", file: "g.tsv")
    #expect((column.layers, column.heads) == (3, 1))
    #expect(try GateMatrix(tsv: " 0.5  1 \n\n0\t0.25\n\n", file: "g").values == [0.5, 1, 0, 0.25])
  }

  /// What `numpy.loadtxt` 2.4 reads of the same texts, as rows.
  @Test(arguments: [
    ("# layer heads\n0.1 0.2\n# and\n0.3 0.4\n", [[0.1, 0.2], [0.3, 0.4]]),
    ("#a\n0.1\t0.2 # c\n\n0.3\t0.4#d", [[0.1, 0.2], [0.3, 0.4]]),
    ("0.1\u{B}0.2\n0.3\u{C}0.4\n", [[0.1, 0.2], [0.3, 0.4]]),
    ("0.1\r0.2\r", [[0.1], [0.2]]), ("0.1\r\n\r\n0.2\r\n", [[0.1], [0.2]]),
    ("0.1\u{A0}0.2\n", [[0.1, 0.2]]), ("0.1\u{85}0.2\u{2028}0.3\n", [[0.1, 0.2, 0.3]]),
    ("0.1\u{1C}0.2\n", [[0.1, 0.2]]), ("0.1\t\n", [[0.1]]), ("1. .5 +1 -.5", [[1, 0.5, 1, -0.5]]),
    ("1e-1\n\u{C}\n1E-1\n", [[0.1], [0.1]]),
  ])
  func readsWhatNumpyReads(text: String, rows: [[Double]]) throws {
    let gates = try GateMatrix(tsv: text, file: "g.tsv")
    #expect((gates.layers, gates.heads) == (rows.count, rows[0].count))
    #expect(gates.values == rows.flatMap { $0 })
  }

  /// NumPy refuses the mark that Windows' editors put before UTF-8; it is not part of the number.
  @Test func skipsAByteOrderMark() throws {
    #expect(try GateMatrix(tsv: "\u{FEFF}0.1\t0.2\n", file: "g.tsv").values == [0.1, 0.2])
  }

  /// NumPy takes the first four as numbers, of which none is a gate, and refuses the others.
  @Test(arguments: [
    ("0.1 nan\n", 1, 2), ("0.1\r0.1\rinf", 3, 1), ("#\n-infinity", 2, 1), ("1e400", 1, 1),
    ("0x1p-1", 1, 1), ("1 1_0", 1, 2), ("1d5", 1, 1), ("1e", 1, 1), ("1f", 1, 1),
    ("٠.٥", 1, 1), ("'0.5'", 1, 1), ("(1+0j)", 1, 1),
  ])
  func refusesWhatIsNoNumber(text: String, line: Int, column: Int) {
    let error = #expect(throws: FileError.self) {
      try GateMatrix(tsv: text, file: "g.tsv")
    }
    #expect(
      error?.description.hasPrefix("g.tsv: line \(line), column \(column): expected") == true,
      "\(error?.description ?? "")")
  }

  /// An archive of arrays is named as what it is.
  @Test func refusesAnArchiveByItsName() throws {
    try GateFixtures.withFolder { folder in
      let head: [UInt8] = [0x50, 0x4B, 3, 4] + Array(repeating: 0xFF, count: 22) + [9, 0, 0, 0]
      try Data(head + Array("gates.npy".utf8)).write(to: URL(fileURLWithPath: folder + "/g.npz"))
      let error = #expect(throws: FileError.self) {
        try GateMatrix(contentsOf: folder + "/g.npz")
      }
      #expect(error?.description.contains("a NumPy archive (.npz)") == true)
    }
  }

  @Test func writesNumpysFormat() {
    let gates = GateMatrix(layers: 2, heads: 2, values: [1, 0.859375, -9.250640869140625e-05, 0])
    let expected =
      "1.000000000000000000e+00\t8.593750000000000000e-01\n"
      + "-9.250640869140625000e-05\t0.000000000000000000e+00\n"
    #expect(gates.tsv == expected)
  }

  @Test func roundTripKeepsEveryBit() throws {
    var generator = SeededGenerator(seed: 1, stream: .randomHeads)
    let values = (0..<60).map { _ in generator.unit() * 1.2 - 0.1 }
    let gates = GateMatrix(layers: 20, heads: 3, values: values)
    try GateFixtures.withFolder { folder in
      try gates.write(to: folder + "/gates.tsv")
      #expect(try GateMatrix(contentsOf: folder + "/gates.tsv") == gates)
    }
  }

  @Test(
    "what is not a table of gates is refused with its place",
    arguments: [
      ("", "g.tsv: the file: expected at least one line of numbers, found an empty file;"),
      (" \n\n", "g.tsv: the file: expected at least one line of numbers, found only white space;"),
      ("1\t0\n1\n", "g.tsv: line 2: expected 2 numbers as in the lines above, found 1;"),
      ("1\t0\n1\tx\n", "g.tsv: line 2, column 2: expected a finite decimal number, found \"x\";"),
      ("nan\n", "g.tsv: line 1, column 1: expected a finite decimal number, found \"nan\";"),
      ("1\n-inf\n", "g.tsv: line 2, column 1: expected a finite decimal number, found \"-inf\";"),
      ("0x1p-1\n", "g.tsv: line 1, column 1: expected a finite decimal number, found \"0x1p-1\";"),
      (
        "1e999\n",
        "g.tsv: line 1, column 1: expected a gate in 0…1 or slightly outside, found 1e999;"
      ),
      ("0,5\n", "g.tsv: line 1, column 1: expected a finite decimal number, found \"0,5\";"),
      ("\n7\n", "g.tsv: line 2, column 1: expected a gate in 0…1 or slightly outside, found 7;"),
      ("1-2\n", "g.tsv: line 1, column 1: expected a finite decimal number, found \"1-2\";"),
    ])
  func refused(text: String, expected: String) {
    let error = #expect(throws: FileError.self) {
      try GateMatrix(tsv: text, file: "g.tsv")
    }
    #expect(error?.description.hasPrefix(expected) == true, "\(error?.description ?? "")")
    #expect(error?.category == .badData)
  }

  @Test func refusesTablesNoModelHas() {
    let wide = Array(repeating: "1", count: 5000).joined(separator: "\t")
    let tall = String(repeating: "1\n", count: 5000)
    for text in [wide, tall] {
      #expect(throws: FileError.self) { try GateMatrix(tsv: text, file: "g.tsv") }
    }
  }

  @Test func refusesFilesThatAreNotThereOrNotText() throws {
    try GateFixtures.withFolder { folder in
      let missing = #expect(throws: FileError.self) {
        try GateMatrix(contentsOf: folder + "/none.tsv")
      }
      #expect(missing?.category == .missingInput)
      #expect(missing?.description.contains("none.tsv: there is no such table of gates") == true)
      let isFolder = #expect(throws: FileError.self) { try GateMatrix(contentsOf: folder) }
      #expect(isFolder?.category == .missingInput)
      try Data([0xFF, 0xFE, 0x00, 0xD8]).write(to: URL(fileURLWithPath: folder + "/b.tsv"))
      let binary = #expect(throws: FileError.self) {
        try GateMatrix(contentsOf: folder + "/b.tsv")
      }
      #expect(binary?.category == .badData)
      let unwritable = #expect(throws: FileError.self) {
        try GateMatrix(layers: 1, heads: 1, repeating: 1).write(to: folder + "/no/such/g.tsv")
      }
      #expect(unwritable?.category == .cannotWrite)
    }
  }

  @Test(arguments: GateFixtures.publishedTables)
  func publishedTablesSurviveARoundTrip(path: String) throws {
    let gates = try GateMatrix(contentsOf: path)
    #expect(gates.layers == 32)
    #expect(gates.tsv == (try String(contentsOfFile: path, encoding: .utf8)))
  }
}
