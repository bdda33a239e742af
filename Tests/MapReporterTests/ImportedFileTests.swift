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

  /// What a file is by its text decides which reader's sentence refuses it.
  @Test func damagedFilesAreRefusedByWhatTheyShouldBe() throws {
    try scratch.write(#"{"0-0": [0.5], "head": [1]}"#, to: "odd.json")
    #expect(try ImportedFile.format(of: scratch.path("odd.json")) == .scores(.retrievalHead))
    for use in [ImportedFile.Use.cutting, .measuring(nil), .starting] {
      let error = #expect(throws: FileError.self) { try read("odd.json", use) }
      #expect(error?.description.contains("retrieval scores are") == true)
    }
    try scratch.write(#"{"schema_version": 1}"#, to: "map")
    let map = #expect(throws: FileError.self) { try read("map", .measuring(nil)) }
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

  /// The sentence that a file is refused with.
  private func refusal(
    _ name: String, _ use: ImportedFile.Use = .measuring(nil), model: HeadMap.Model? = nil,
    _ grouping: HeadScores.Grouping? = nil
  ) -> String {
    do {
      _ = try ImportedFile(
        scratch.path(name), model: model, space: MapSpace(layers: 2, heads: 2),
        grouping: grouping, for: use)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func aFileOfNoKindIsRefusedWithTheKinds() throws {
    for (text, name, found) in [
      ("{\"a\": 1}", "a.json", "with \"a\""), ("{\"a\": 1", "b.json", "not JSON"),
      ("hello", "c", "the text \"hello\""), ("", "d.txt", "an empty file"),
    ] {
      try scratch.write(text, to: name)
      for use in [ImportedFile.Use.measuring(nil), .cutting, .starting] {
        let refusal = refusal(name, use)
        #expect(refusal.contains("expected gates, scores of heads or a map, found"), "\(refusal)")
        for words in [found, "KVzip's tensor", "headmap.json or search-layers.csv"] {
          #expect(refusal.contains(words), "\(refusal)")
        }
      }
    }
    try scratch.write("{\"0-0\": [1], \"0-0\": [1]}", to: "twice.json")
    #expect(refusal("twice.json").contains("keep one of them"))
  }

  // MARK: Scores

  /// A model of 2 layers, 4 query heads and 2 key-value heads.
  private static let model = HeadMap.Model(layers: 2, queryHeads: 4, keyValueHeads: 2)

  private func gates(
    _ name: String, _ grouping: HeadScores.Grouping? = nil
  ) throws -> (rows: [[Double]], notes: [String]) {
    let file = try ImportedFile(
      scratch.path(name), model: Self.model, space: MapSpace(layers: 2, heads: 2),
      grouping: grouping, for: .measuring(nil))
    guard case .gates(let gates) = file.content else {
      throw FileError.missing(path: name, what: "gates")
    }
    return (gates.rows, file.notes)
  }

  @Test func queryHeadsOfAGroupBecomeTheLargestOrTheirMean() throws {
    for grouping in [nil, HeadScores.Grouping.max] {
      #expect(try gates("scores.json", grouping).rows == Self.gates)
    }
    #expect(try gates("scores.json", .mean).rows == [[0.375, 0.5], [0, 0.125]])
    #expect(try gates("scores.json", .mean).notes.isEmpty)
  }

  @Test func listsOfSomeHeadsAreCompletedByTheModel() throws {
    try scratch.write("attn_head_set: 0-2,1-0\n", to: "set.yaml")
    let set = try gates("set.yaml")
    #expect(set.rows == [[0, 1], [0.5, 0]])
    #expect(set.notes.count == 1 && set.notes[0].contains("set.yaml names 2 of 8 query heads"))
    #expect(refusal("set.yaml").contains("give the model with --model"))
    try scratch.write("[[\"0-3\", 0.5], [\"1-0\", -0.5]]", to: "list.json")
    let list = try gates("list.json")
    // The lowest, −0.5, is that of the heads without numbers too.
    #expect(list.rows == [[0, 1], [0, 0]])
    #expect(list.notes.count == 2 && list.notes[0].contains("the lowest score is -0.5"))
    try scratch.write("attn_head_set: 0-4\n", to: "set.yaml")
    #expect(refusal("set.yaml", model: Self.model).contains("found the head 0-4"))
  }

  @Test func scoresThatLeaveTheRangeAreSaid() throws {
    try scratch.write(
      #"[["0-0", 3], ["0-1", 0], ["0-2", 0], ["0-3", 0], ["1-0", -1], ["1-1", -2], ["1-2", 0], ["1-3", 0]]"#,
      to: "list.json")
    let list = try gates("list.json")
    #expect(list.rows == [[1, 0.25], [0, 0.25]])
    #expect(list.notes.count == 1 && list.notes[0].contains("scores from -1.0 to 3.0 become gates"))
    try scratch.write(
      #"[["0-0", 2], ["0-1", 0], ["0-2", 1], ["0-3", 0], ["1-0", 0], ["1-1", 0], ["1-2", 0], ["1-3", 0]]"#,
      to: "list.json")
    #expect(try gates("list.json").rows == [[1, 0.5], [0, 0]])
    #expect(try gates("list.json").notes[0].contains("the largest score is 2.0, so all scores"))
  }

  /// KVzip's and zigzag's own files say how many key-value heads there are.
  @Test func scoresOfKeyValueHeadsAreGates() throws {
    let scores = HeadScores(unit: .keyValue, rows: Self.gates)
    let record = ScoreRecord(method: "kvzip", scores: scores, keyValueHeads: 2)
    for format in [HeadScoreFormat.zigzag, .kvzip] {
      let path = scratch.path("own")
      try format.write(record, to: path)
      #expect(try gates("own").rows == Self.gates)
      #expect(try GateSource(path: path).gates.rows == Self.gates)
      #expect(refusal("own", .measuring(.gates)).isEmpty)
      #expect(refusal("own", .measuring(.map)).contains("whose kind is map"))
      #expect(refusal("own", model: nil, .max).contains("the group max makes one number of"))
      let other = #expect(throws: MapReporterError.self) { try read("own", .cutting, layers: 3) }
      #expect(other?.description.contains("2 layers × 2 key-value heads") == true)
    }
    for name in ["gates.tsv", "map.json", "search.csv"] {
      #expect(refusal(name, model: nil, .mean).contains("the group mean makes one number of"))
    }
  }

  @Test func scoresOfAnotherModelAreRefused() throws {
    var record = ScoreRecord(
      method: "qrhead",
      scores: HeadScores(unit: .query, rows: [[0.5, 0.25, 1, 0], [0, 0, 0.25, 0]]),
      keyValueHeads: 2)
    let (own, other) = (String(repeating: "a", count: 64), String(repeating: "b", count: 64))
    record.model = ScoreRecord.Model(type: "llama", identity: ModelIdentity(weightsSHA256: own))
    try HeadScoreFormat.zigzag.write(record, to: scratch.path("own.json"))
    var model = Self.model
    for (hash, words) in [(own, ""), (other, "own.json was made for weights with the hash aaaa")] {
      model.weightsSHA256 = hash
      let refusal = refusal("own.json", model: model)
      #expect(words.isEmpty ? refusal.isEmpty : refusal.contains(words), "\(refusal)")
    }
    // The key-value heads are the file's own, and a map says whose scores it is made of.
    let source = try GateSource(path: scratch.path("own.json"))
    #expect(source.gates.rows == Self.gates)
    let map = try source.map(by: .max, sparsity: 0.5, window: HeadMap.Window(sink: 1, recent: 2))
    #expect(map.model.weightsSHA256 == own && map.model.queryHeads == 4)
    model = HeadMap.Model(layers: 2, queryHeads: 8, keyValueHeads: 2)
    #expect(
      refusal("own.json", model: model).contains("8 query heads of a layer, as the model has"))
  }
}
