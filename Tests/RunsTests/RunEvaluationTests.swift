import GateOptimizer
import MapReporter
import Support
import TestSupport
import Testing
import Transformer

@testable import Runs

/// What an evaluation measures, how it is kept, and the points it becomes.
@Suite struct RunEvaluationTests {
  private let gates = GateMatrix(layers: 4, heads: 2, values: [1, 0, 0.5, 0.6, 0, 0.1, 0.9, 0.8])
  private let window = StreamingWindow(sink: 1, recent: 2)

  private var settings: EvaluationSettings {
    var settings = EvaluationSettings()
    settings.sparsities = [0, 0.5, 1]
    settings.criteria = [.max]
    settings.randomLayerSeeds = [1]
    settings.randomHeadSeeds = []
    settings.baselines = [.alternating, .first, .last]
    settings.samples = 2
    settings.context = 10
    settings.bootstrap = 100
    return settings
  }

  private func plan(_ settings: EvaluationSettings? = nil) throws -> MapPlan {
    try MapPlan(
      MapSources(LearnedMaps(gates: gates)), settings: settings ?? self.settings)
  }

  private func layers(_ name: String, _ maps: [PlannedMap]) throws -> [Bool] {
    let map = try #require(maps.first { $0.method.name == name && $0.requestedSparsity == 0.5 })
    #expect(map.heads.rows.allSatisfy { Set($0).count == 1 })
    return map.heads.rows.map { $0[0] }
  }

  @Test func everyMethodIsPlannedAtEverySparsity() throws {
    let maps = try plan().maps
    #expect(maps.map(\.method.name).prefix(2) == ["full", "streaming"])
    for method in [
      "head-mixed", "layer:max", "random-layers", "alternating-layers", "first-layers",
      "last-layers",
    ] {
      let mine = maps.filter { $0.method.name == method }
      #expect(mine.map(\.requestedSparsity) == [0, 0.5, 1])
      #expect(mine.map(\.achievedSparsity) == [0, 0.5, 1])
    }
    #expect(try layers("layer:max", maps) == [true, false, false, true])
    #expect(try layers("alternating-layers", maps) == [true, false, true, false])
    #expect(try layers("first-layers", maps) == [true, true, false, false])
    #expect(try layers("last-layers", maps) == [false, false, true, true])
  }

  @Test func headMixedMapsHaveTheCacheOfLayerMaps() throws {
    var settings = settings
    settings.sparsities = [0.4]
    // Of 4 layers 0.4 is 1.6, so two layers stream: four heads, not the three that 3.2 would be.
    let maps = try plan(settings).maps.filter { $0.method == .headMixed }
    #expect(maps.map(\.achievedSparsity) == [0.5])
    #expect(try gates.headCut(sparsity: 0.4).sparsity == 0.375)
  }

  @Test func lazyLayersAreThoseThatLookLeastBeyondTheWindow() throws {
    var settings = settings
    settings.baselines = [.lazy]
    let remoteness = GateMatrix(
      layers: 4, heads: 2, values: [0.1, 0.2, 0.9, 0.1, 0.6, 0.5, 0.2, 0.2])
    let maps = try MapPlan(
      MapSources(LearnedMaps(gates: gates), remoteness: remoteness), settings: settings
    ).maps
    #expect(try layers("lazy-layers", maps) == [false, true, true, false])
  }

  @Test func importedFilesAreGatesOrAMap() throws {
    let scratch = try TemporaryFolder()
    let cut = try scratch.write("1\t0\n0\t0\n1\t1\n0\t0\n", to: "map.tsv")
    let table = try scratch.write(gates.tsv, to: "gates.tsv")
    let sources = try MapSources(
      LearnedMaps(gates: gates),
      imported: [
        ImportedMapSettings(name: "a", file: cut), ImportedMapSettings(name: "b", file: table),
      ])
    let maps = try MapPlan(sources, settings: settings).maps
    let finished = maps.filter { $0.method.name == "imported:a" }
    #expect(finished.map(\.achievedSparsity) == [0.625])
    #expect(
      finished.first?.heads.rows
        == [[true, false], [false, false], [true, true], [false, false]])
    #expect(try layers("imported:b:layer:max", maps) == layers("layer:max", maps))
    let error = #expect(throws: MapReporterError.self) {
      try MapSources(
        LearnedMaps(gates: GateMatrix(layers: 3, heads: 2, repeating: 1)),
        imported: [ImportedMapSettings(name: "b", file: table)])
    }
    #expect(
      error?.description.contains("4 layers × 2 key-value heads, but the model has 3 × 2") == true)
  }

  @Test func anEntryMaySayWhatItsFileHolds() throws {
    let scratch = try TemporaryFolder()
    let cut = try scratch.write("1\t0\n0\t0\n1\t1\n0\t0\n", to: "map.tsv")
    func plan(_ kind: ImportedMapSettings.Kind?) throws -> (methods: [String], notes: Int) {
      let entry = ImportedMapSettings(name: "a", file: cut, kind: kind)
      let sources = try MapSources(LearnedMaps(gates: gates), imported: [entry])
      let maps = try MapPlan(sources, settings: settings).maps
      return (maps.map(\.method.name).filter { $0.hasPrefix("imported:") }, sources.notes.count)
    }
    #expect(try plan(nil) == (["imported:a"], 1))
    #expect(try plan(.map) == (["imported:a"], 0))
    let everySparsity = [0, 1, 2].flatMap { _ in ["imported:a:head-mixed", "imported:a:layer:max"] }
    #expect(try plan(.gates) == (everySparsity, 1))
    var wrong = settings
    wrong.maps = [ImportedMapSettings(name: "a", file: cut, criteria: [.max], kind: .map)]
    #expect(throws: InvalidSetting.self) { try wrong.validate() }
  }

  /// A model of 4 layers, 4 query heads and 2 key-value heads completes a set.
  @Test func scoresOfQueryHeadsAreMeasuredByTheirGroups() throws {
    let scratch = try TemporaryFolder()
    let set = try scratch.write("attn_head_set: 2-1,0-2,0-3\n", to: "set.yaml")
    let model = HeadMap.Model(layers: 4, queryHeads: 4, keyValueHeads: 2)
    func kept(_ group: HeadScores.Grouping?) throws -> [[Bool]]? {
      let entry = ImportedMapSettings(name: "a", file: set, criteria: [.max], group: group)
      var one = settings
      one.sparsities = [0.75]
      let sources = try MapSources(
        LearnedMaps(gates: gates), imported: [entry], model: model)
      #expect(sources.notes.count == 1 && sources.notes[0].contains("3 of 16 query heads"))
      let maps = try MapPlan(sources, settings: one).maps
      return maps.first { $0.method.name == "imported:a:layer:max" }?.heads.rows
    }
    // 1 in layer 2 alone; the mean of its group, ½, equals that of 2/3 and 1/3 in layer 0.
    let (none, both) = ([false, false], [true, true])
    #expect(try kept(nil) == [none, none, both, none])
    #expect(try kept(.mean) == [both, none, none, none])
    var wrong = settings
    wrong.maps = [ImportedMapSettings(name: "a", file: set, kind: .map, group: .max)]
    #expect(throws: InvalidSetting.self) { try wrong.validate() }
  }

  /// Hashes of old run folders hold: what an entry does not say is not written.
  @Test func anEntryThatSaysNothingIsWrittenAsBefore() throws {
    var run = RunConfiguration(name: "n", model: "m")
    run.evaluation.maps = [ImportedMapSettings(name: "a", file: "f.tsv")]
    #expect(
      Set(try run.settings(in: .evaluation).keys.filter { $0.hasPrefix("evaluation.maps") })
        == ["evaluation.maps.0.name", "evaluation.maps.0.file"])
    run.evaluation.maps[0].group = .mean
    #expect(try run.settings(in: .evaluation)["evaluation.maps.0.group"] == "mean")
    run.evaluation.maps[0].kind = .gates
    #expect(try run.settings(in: .evaluation)["evaluation.maps.0.kind"] == "gates")
  }

  @Test func whatOthersSearchedIsACurveToo() throws {
    let scratch = try TemporaryFolder()
    let table = try scratch.write(
      "streaming,loss,retrieval\n0,0,0 1 2 3\n1,0.1,0 1 3\n2,0.2,0 3\n3,0.3,2\n4,0.4,\n",
      to: "search-layers.csv")
    let gateTable = try scratch.write(gates.tsv, to: "gates.tsv")
    let sources = try MapSources(
      LearnedMaps(gates: gates),
      imported: [
        ImportedMapSettings(name: "a", file: table),
        ImportedMapSettings(name: "b", file: gateTable, criteria: [.max]),
      ])
    let maps = try MapPlan(sources, settings: settings).maps
    #expect(try layers("imported:a:layer:search", maps) == [true, false, false, true])
    #expect(
      Set(maps.map(\.method.name).filter { $0.hasPrefix("imported:") })
        == ["imported:a:layer:search", "imported:b:layer:max"])
    #expect(throws: FileError.self) {
      try MapSources(
        LearnedMaps(gates: gates),
        imported: [ImportedMapSettings(name: "a", file: scratch.path("no.csv"))])
    }
    #expect(throws: InvalidSetting.self) {
      var wrong = settings
      wrong.maps = [ImportedMapSettings(name: "b", file: gateTable, criteria: [.search])]
      try wrong.validate()
    }
  }

  @Test func aTaskMayAskForFewerMaps() throws {
    var task = EvaluationTask(name: "words", task: .heldOutPasskeys)
    let all = try plan().maps(for: task).count
    task.sparsities = [0.5]
    let maps = try plan().maps(for: task)
    #expect(maps.count == 2 + 6 && all == 2 + 3 * 6)
    #expect(maps.dropFirst(2).allSatisfy { $0.requestedSparsity == 0.5 })
    task.criteria = []
    let fewer = try plan().maps(for: task).map(\.method.name)
    #expect(fewer == maps.map(\.method.name).filter { $0 != "layer:max" })
    #expect(fewer.count == 2 + 5)
  }

  @Test func equalPatternsAreMeasuredOnce() throws {
    let patterns = try plan().heads(for: settings.tasks[0])
    #expect(Set(patterns).count == patterns.count)
    #expect(patterns.count <= 2 + 6)
  }

  private func scores(_ correct: Int) -> SampleScores {
    var scores = SampleScores()
    scores.sums[.init(.tokens)] = SampleScore(correct: correct, total: 10)
    scores.sums[.init(.firstTokens)] = SampleScore(correct: correct / 2, total: 5)
    scores.sums[.init(.divergence, place: 3)] = SampleScore(sum: Double(correct) / 3, count: 7)
    return scores
  }

  @Test func theTableReadsBack() throws {
    let scratch = try TemporaryFolder()
    var table = ScoreTable()
    for (index, pattern) in try plan().heads(for: settings.tasks[0]).enumerated() {
      table["words, many", pattern] = [scores(index % 10), scores(10 - index % 10)]
    }
    let path = try scratch.write(table.text, to: "scores.csv")
    #expect(try ScoreTable.read(path) == table)
    #expect(try ScoreTable.read(scratch.path("none.csv")) == ScoreTable())
  }

  @Test(arguments: [
    "a,f0,1,tokens,0,1,2", "a,f0,0,tokens,0,3,2", "a,f0,0,tokens,0,x,2", "a,f0,0,luck,0,1,2",
    "a,f0,0,tokens,-1,1,2", "a,f0,0,tokens,0,1,2\na,f0,0,tokens,0,1,2",
  ])
  func damagedTablesAreRefused(line: String) throws {
    let scratch = try TemporaryFolder()
    let header = "task,pattern,sample,metric,place,sum,count\n"
    let path = try scratch.write(header + line + "\n", to: "scores.csv")
    #expect(throws: FileError.self) { try ScoreTable.read(path) }
  }

  private let model = ModelConfiguration(
    modelType: "llama", layers: 4, hidden: 8, feedForward: 8, queryHeads: 2, keyValueHeads: 2,
    headDim: 4, vocabulary: 8, maxPositions: 16)

  private func measured(
    _ plan: MapPlan, _ table: ScoreTable, _ settings: EvaluationSettings? = nil,
    in deployments: [Deployment]? = nil
  ) -> MeasuredCurves {
    let own = Deployment(window)
    return MeasuredCurves(
      plan: plan, table: table, settings: settings ?? self.settings, model: model,
      deployments: deployments ?? [own], own: own)
  }

  @Test func pointsPoolTheSamples() throws {
    let plan = try plan()
    var table = ScoreTable()
    for pattern in plan.heads(for: settings.tasks[0]) {
      table["words", pattern] = [scores(4), scores(8), scores(0)]
    }
    let points = measured(plan, table).points
    #expect(points.count == plan.maps.count)
    let full = try #require(points.first)
    // The third sample is beyond what the settings ask for.
    #expect(full.samples == 2)
    #expect(full.tokens == 20)
    #expect(full.estimate(.tokens)?.value == 0.6)
    #expect(full.estimate(.firstTokens)?.value == 0.6)
    #expect(full.kvBytes == 2 * 4 * 2 * 8 * 10 && full.kvShare == 1)
    #expect(points[1].kvBytes == 2 * 4 * 2 * 8 * 3)
  }

  @Test func differencesArePairedWithFullAndWithTheSameCache() throws {
    let plan = try plan()
    var table = ScoreTable()
    for pattern in plan.heads(for: settings.tasks[0]) { table["words", pattern] = [scores(0)] }
    let half = plan.maps.filter { $0.requestedSparsity == 0.5 }
    table["words", plan.maps[0].heads] = [scores(9), scores(5)]
    table["words", half[0].heads] = [scores(9), scores(6)]
    table["words", half[1].heads] = [scores(7), scores(2)]
    let points = measured(plan, table).points
    let layers = try #require(
      points.first { $0.method == .layers(.max) && $0.requestedSparsity == 0.5 })
    let measure = try #require(layers.measures[.tokens])
    // Two and three tokens of ten are lost to full attention, two and four to the head-mixed map.
    #expect(abs((measure.minusFull?.value ?? 0) + 0.25) < 1e-12)
    #expect(abs((measure.minusFull?.low ?? 0) + 0.3) < 1e-12)
    #expect(abs((measure.minusHeadMixed?.value ?? 0) + 0.3) < 1e-12)
    #expect(abs((measure.minusHeadMixed?.low ?? 0) + 0.4) < 1e-12)
    // Another map has one sample so far: nothing to pair.
    #expect(points.first { $0.method == .random(of: "layers") }?.measures[.tokens] != nil)
    let random = points.first { $0.method == .baseline(.last) && $0.requestedSparsity == 0.5 }
    #expect(random?.measures[.tokens]?.minusFull == nil)
  }

  /// A map that agrees with full attention on two samples may differ on others; full attention cannot.
  @Test func onlyTheSameMapIsSurelyNoWorse() throws {
    let plan = try plan()
    var table = ScoreTable()
    for pattern in plan.heads(for: settings.tasks[0]) {
      table["words", pattern] = [scores(10), scores(10)]
    }
    let points = measured(plan, table).points
    let none = Estimate(value: 0, low: 0, high: 0)
    #expect(points.first { $0.method == .full }?.measures[.tokens]?.minusFull == none)
    let uncut = points.first { $0.method == .layers(.max) && $0.achievedSparsity == 0 }
    #expect(uncut == nil || uncut?.measures[.tokens]?.minusFull == none)
    let half = try #require(
      points.first { $0.method == .layers(.max) && $0.requestedSparsity == 0.5 })
    #expect(half.estimate(.tokens)?.value == 1 && half.estimate(.tokens)?.high == 1)
    #expect((half.estimate(.tokens)?.low ?? 1) < 0.35)
    #expect((half.measures[.tokens]?.minusFull?.low ?? 0) < -0.65)
  }

  /// The window's own deployment has no name in the scores; every row of a table of several has one.
  @Test func everyDeploymentHasItsPoints() throws {
    let plan = try plan()
    let own = Deployment(window)
    let decode = Deployment(window, phase: .decode)
    var table = ScoreTable()
    for heads in plan.heads(for: settings.tasks[0]) {
      table["words", heads] = [scores(4), scores(8)]
      table["words", heads, deployment: decode.name] = [scores(9), scores(9)]
    }
    let points = measured(plan, table, in: [own, decode]).points
    #expect(points.count == 2 * plan.maps.count)
    #expect(points.deployments == [own.name, decode.name])
    #expect(points.ofFirstDeployment.count == plan.maps.count)
    #expect(points.first?.estimate(.tokens)?.value == 0.6)
    #expect(points.last?.estimate(.tokens)?.value == 0.9)
    #expect(
      try CurveTable.parse(CurveTable.text(points)).map(\.deployment) == points.map(\.deployment))
    #expect(CurveTable.text(points).hasPrefix("method,"))
    let alone = measured(plan, table).points
    #expect(alone.deployments == [nil] && !CurveTable.text(alone).contains("deployment"))
    // A prompt that streams saves nothing of the cache while decoding.
    let prompt = Deployment(window, phase: .prompt)
    for heads in plan.heads(for: settings.tasks[0]) {
      table["words", heads, deployment: prompt.name] = [scores(1), scores(1)]
    }
    #expect(measured(plan, table, in: [prompt]).points.allSatisfy { $0.kvShare == 1 })
    let scratch = try TemporaryFolder()
    let path = try scratch.write(table.text, to: "scores.csv")
    #expect(try ScoreTable.read(path) == table)
  }

  @Test func placesAreCellsOrParts() throws {
    var settings = settings
    var grid = EvaluationTask(name: "grid", task: .needle)
    grid.grid = NeedleGrid(lengths: [10, 20], depths: [0, 1])
    settings.tasks = [grid, EvaluationTask(name: "prose", content: .prose(ProseSettings()))]
    #expect(settings.samples(of: grid) == 8 && settings.context(of: grid) == 20)
    let plan = try plan(settings)
    var table = ScoreTable()
    table["grid", plan.maps[0].heads] = (0..<8).map { scores($0) }
    table["prose", plan.maps[0].heads] = [scores(3), scores(9)]
    let curves = measured(plan, table, settings)
    let places = curves.places.filter { $0.method == .full }
    let cells = places.filter { $0.task == "grid" && $0.metric == .tokens }
    #expect(cells.map(\.estimate.value) == [0.2, 0.3, 0.4, 0.5])
    #expect(cells[1].place == .cell(length: 10, depth: 1) && cells[1].samples == 2)
    let parts = places.filter { $0.task == "prose" && $0.metric == .divergence }
    // Ten positions in eight parts: the fourth is 4 ..< 5.
    #expect(parts.map(\.place) == [.part(from: 4, to: 5)])
    #expect(abs((parts.first?.estimate.value ?? 0) - 12.0 / 3 / 14) < 1e-12)
    let text = PlaceTable.text(curves.places)
    let read = try PlaceTable.parse(text, path: "places.csv")
    #expect(PlaceTable.text(read) == text && read.count == curves.places.count)
  }

  @Test func proseTellsPositionsApart() {
    let prose = ProseSettings()
    #expect(prose.positions(in: 10) == [3, 7])
    for context in [8, 10, 1024] {
      for bin in 0..<prose.bins {
        #expect(
          prose.span(of: bin, in: context).allSatisfy { prose.bin(of: $0, in: context) == bin })
      }
      #expect((0..<prose.bins).reduce(0) { $0 + prose.span(of: $1, in: context).count } == context)
    }
  }
}
