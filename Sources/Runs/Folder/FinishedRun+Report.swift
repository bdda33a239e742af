import Foundation
import GateOptimizer
import MapReporter
import Support
import Transformer

extension FinishedRun {
  /// Draws the report of the run folder: page, figures, and the map it recommends.
  ///
  /// - Parameter check: Called before each file is written; what it throws ends the writing.
  /// - Returns: The page's path.
  /// - Throws: ``RunError`` where accuracy has not been measured yet, or with other gates or on other texts,
  ///   `FileError` where a file is damaged or cannot be written; what `check` throws.
  @discardableResult
  package func writeReport(check: () throws -> Void = {}) throws -> String {
    guard FileManager.default.fileExists(atPath: files.curves) else {
      throw FileError.missing(
        path: files.curves, what: "file", fix: "measure accuracy first with zigzag evaluate")
    }
    try requireOwn(.curves)
    try exportRecommended(check: check)
    let points = try tables.points(of: configuration.evaluation.tasks)
    let places =
      FileManager.default.fileExists(atPath: files.places)
      ? try PlaceTable.parse(
        TextFile.text(at: files.places, what: "table", limit: FileLimit.table), path: files.places)
      : []
    try Report(reportInput(points, places)).write(
      to: URL(fileURLWithPath: files.folder), check: check)
    return files.report
  }

  private func reportInput(
    _ points: [CurvePoint], _ places: [PlacePoint]
  ) throws -> ReportInput {
    let evaluation = configuration.evaluation
    let training = try tables.training()
    let own = points.ofFirstDeployment
    var input = ReportInput(
      title: configuration.name, subtitle: subtitle, points: own,
      places: places.filter { $0.deployment == own.first?.deployment },
      primaryTask: evaluation.tasks[0].name, primaryMetric: evaluation.tasks[0].primaryMetric,
      keptShare: configuration.report.keptFraction,
      context: evaluation.cacheContext(of: evaluation.tasks[0]),
      contexts: evaluation.tasks.reduce(into: [:]) {
        $0[$1.name] = evaluation.cacheContext(of: $1)
      },
      gates: gates?.clipped.rows ?? [],
      maps: try mapEntries(), training: training, facts: facts, files: links,
      notes: [
        "Token accuracy is teacher-forced: the share of answer tokens the model predicts when it is "
          + "given the answer so far. First-token accuracy counts only the tokens in which a word "
          + "begins. Exact match counts the answers that greedy decoding through the KV cache gives "
          + "word for word. Tasks from files and RULER’s are judged by what is generated so, with the metric that "
          + "their curves name.",
        "Intervals are 95\u{a0}% percentile bootstraps over samples, \(evaluation.bootstrap) resamples; "
          + "differences are paired by sample. With few samples they are too narrow. Samples that all "
          + "agree have Wilson’s score interval, with one trial a sample.",
      ] + tablesTakenForMaps(points)
        + configuration.sampleNotes(record).map { "\($0.uppercasedFirst)." })
    input.scores = try namedScores()
    input.masked = try maskedPoints()
    input.isHeldOut = configuration.overlapNotes(of: evaluation.tasks[0]).isEmpty
    input.deployments = deployed(points, places)
    if files.has(.recommended) {
      input.recommendedFolder = "\(RunFile.recommended.name)/"
      if takesMaps(.vllm) { input.exportCommand = "zigzag export . --format vllm" }
    }
    return input
  }

  /// Accuracy without heads, of the methods and numbers of heads that the configuration names.
  private func maskedPoints() throws -> [MaskPoint] {
    let scores = configuration.scores
    guard !scores.masking.heads.isEmpty, !scores.methods.isEmpty, files.has(.masking) else {
      return []
    }
    try requireOwn(.masking)
    return try MaskTable.read(files[.masking]).filter { point in
      point.heads == 0
        || scores.masking.heads.contains(point.heads)
          && point.method.map(scores.methods.contains) ?? true
    }
  }

  /// What finds heads: the methods that score them, the gates and the searches; nothing where no method is asked for.
  private func namedScores() throws -> [NamedScores] {
    let methods = configuration.scores.methods.filter { files.has(.headScores($0)) }
    guard !methods.isEmpty else { return [] }
    let (space, group) = (maps.space, configuration.scores.group)
    var named: [NamedScores] = []
    if let gates { named.append(NamedScores("Learned gates", gates.clipped)) }
    for searched in maps.searched {
      named.append(
        NamedScores(
          searched.unit == .heads ? "Search of heads" : "Search of layers",
          ImportedMap.searched(searched).asGates))
    }
    for method in methods {
      let record = try ScoreRecord(contentsOf: files[.headScores(method)])
      named.append(
        NamedScores(
          method.title,
          try record.gates(of: space, grouping: group, path: files[.headScores(method)])))
    }
    return named
  }

  /// The curves of each deployment, with the runtimes that deploy maps so; none where there is one only.
  private func deployed(
    _ points: [CurvePoint], _ places: [PlacePoint]
  ) -> [ReportInput.Deployed] {
    let names = points.deployments
    guard names.count > 1 else { return [] }
    let window = configuration.deployment.window
    return names.map { name in
      let known = configuration.deployments.first { $0.name == name }
      let runtimes = Runtime.allCases.filter {
        $0.deployment(sink: window.sink, recent: window.recent) == known
          && takesMaps($0)
      }
      return ReportInput.Deployed(
        title: (known?.title ?? name ?? "").uppercasedFirst, runtimes: runtimes,
        points: points.filter { $0.deployment == name },
        places: places.filter { $0.deployment == name })
    }
  }

  /// Whether the run's maps can be written for a runtime.
  private func takesMaps(_ runtime: Runtime) -> Bool {
    record.model.map {
      runtime.takesMaps(of: $0, window: configuration.deployment.window)
    } ?? true
  }

  /// What is said of tables of zeros and ones that no entry of `evaluation.maps` calls a map.
  private func tablesTakenForMaps(_ points: [CurvePoint]) -> [String] {
    configuration.evaluation.maps.filter { map in
      map.kind == nil && !map.file.hasSuffix(".json")
        && points.contains { $0.method == .imported(name: map.name, method: nil) }
    }.map { "\(ImportedFile.takenForMap($0.file))." }
  }

  private var subtitle: String {
    let window = configuration.deployment.window
    return "\(record.model?.modelType ?? "model") of \(maps.layers) layers × \(maps.heads) "
      + "key-value heads\(ownWindows); streaming heads see the first \(window.sink) tokens and the last "
      + "\(window.recent)"
  }

  /// What the model's own windows mean for its maps.
  private var ownWindows: String {
    guard let windows = record.model?.ownWindows else { return "" }
    let sizes = Set(windows.compactMap(\.self)).sorted().map { grouped($0) }
    let count = windows.count { $0 != nil }
    return
      ", of which \(count) layers slide a window of their own (\(sizes.joined(separator: " and ")) tokens) and "
      + "stream in every map, so that maps, and all shares of layers, are of the other "
      + "\(windows.count - count) layers, the global ones"
  }

  /// The maps of every curve that has one, at every sparsity that was measured.
  private func mapEntries() throws -> [ReportInput.MapEntry] {
    let settings = configuration.evaluation
    return try settings.sparsities.flatMap { sparsity in
      let cut = try gates.map { _ in
        ReportInput.MapEntry(method: .headMixed, map: try headMixedMap(sparsity: sparsity))
      }
      let searchedHeads = try maps.searched.filter { $0.unit == .heads }.map { maps in
        ReportInput.MapEntry(
          method: .searchedHeads,
          map: try searchedHeadMap(maps, sparsity: sparsity))
      }
      let layers = try evaluatedCriteria.map { criterion in
        ReportInput.MapEntry(
          method: .layers(criterion),
          map: try map(by: criterion, sparsity: sparsity),
          path: configuration.ranking.holds(criterion, sparsity)
            ? "maps/\(RunFiles.mapName(criterion, sparsity))" : nil)
      }
      return [cut].compactMap(\.self) + searchedHeads + layers
    }
  }

  private var facts: [ReportInput.Fact] {
    let seconds = record.seconds.sorted { $0.key < $1.key }
      .map { "\($0.key) \(clock($0.value))" }
    return [
      .init("Model", configuration.model),
      .init("Weights (SHA-256)", record.model?.weightsSHA256 ?? "unknown"),
      .init("Configuration (SHA-256)", record.model?.configurationSHA256 ?? "unknown"),
      .init("Tokenizer (SHA-256)", record.model?.tokenizerSHA256 ?? "unknown"),
      .init("Window", windowFact),
      .init("Calibration", calibrationFact),
      .init("Haystack", haystackFact),
      .init("Evaluation", evaluationFact),
      .init("Time (minutes:seconds)", seconds.joined(separator: ", ")),
      .init(
        "Machine",
        "\(record.processor), \(counted(record.cores, "core")), \(record.system)"
      ),
      .init("zigzag", record.zigzagVersion),
    ]
  }

  private var windowFact: String {
    let deployment = configuration.deployment
    return deployment.isPlain
      ? "sink \(deployment.window.sink), recent \(deployment.window.recent)" : deployment.title
  }

  private var calibrationFact: String {
    guard let calibration = configuration.calibration else {
      return "none, maps are searched alone, seed \(configuration.seed)"
    }
    return "\(calibration.steps) steps of \(calibration.contextMin) to "
      + "\(calibration.contextMax) tokens, seed \(configuration.seed)"
  }

  private var evaluationFact: String {
    let evaluation = configuration.evaluation
    return evaluation.tasks.map { task in
      let own = task.grid?.lengths ?? task.rulerCells.compactMap(\.length)
      let lengths = own.isEmpty ? [evaluation.context(of: task)] : own.distinct
      let isWhole = task.answers?.file != nil && task.context == nil
      return "\(task.name): \(evaluation.samples(of: task)) samples, "
        + (isWhole
          ? "as long as the file’s"
          : "\(lengths.map { grouped($0) }.joined(separator: ", ")) tokens")
    }.joined(separator: "; ")
  }

  private var haystackFact: String {
    func words(_ source: HaystackSource) -> String {
      guard source.files.isEmpty else {
        return source.files.map { URL(fileURLWithPath: $0).lastPathComponent }.joined(
          separator: ", ")
      }
      return "generated text (\((source.generator ?? .village).rawValue))"
    }
    let haystack = configuration.haystack
    let purpose = configuration.calibration == nil ? "search" : "learn"
    return "\(words(haystack.calibration)) to \(purpose), \(words(haystack.evaluation)) to judge"
  }

  private var links: [ReportInput.FileLink] {
    RunFile.allCases.compactMap { file in
      guard let summary = file.link, files.has(file) else { return nil }
      return ReportInput.FileLink(path: file.name, summary: summary)
    }
  }
}
