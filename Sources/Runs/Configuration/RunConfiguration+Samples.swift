import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support

extension RunConfiguration {
  /// Opens the run's model and checks the configuration against it.
  ///
  /// - Throws: `FileError` where it cannot be opened, ``RunError`` with the place in `document` of
  ///   what does not suit it.
  func openModel(_ document: ConfigurationDocument) throws -> LoadedModel {
    let source = try ModelFile.open(path: model)
    try document.placing { try validate(for: source.configuration) }
    return source
  }

  /// The samples that gates are learned on; without gates samples of the evaluation's length.
  func calibrationSampler(_ tokenizer: Tokenizer) throws -> any SampleSource {
    let lengths = try calibration.map {
      try PasskeySampler.contextLengths(
        from: $0.contextMin, to: $0.contextMax, count: $0.contextIntervals)
    }
    return try task.source(
      haystack: haystack.calibration, purpose: .calibration,
      lengths: lengths ?? [evaluation.context], seed: seed, tokenizer: tokenizer)
  }

  /// The samples that maps are searched on: calibration samples that no gate was learned on.
  package func searchSamples(_ tokenizer: Tokenizer) throws -> [TaskSample] {
    try searchSamples(searchSamplers(tokenizer), count: search.samples)
  }

  /// Makes the first sample that gates are learned on.
  ///
  /// - Throws: Here and below `InvalidSetting` for a context that is too short, with its place;
  ///   `GateOptimizerError` and ``RunError`` for another sample that cannot be made.
  func requireCalibrationSample(_ tokenizer: Tokenizer) throws {
    guard calibration != nil else { return }
    try Self.sample(["calibration"]) {
      let sampler = try calibrationSampler(tokenizer)
      // Of RULER's kinds the shortest sample is the one that may have no room.
      let shortest = task.ruler == nil ? nil : calibration?.contextMin
      for index in 0..<(sampler.count ?? task.kinds) {
        _ = try sampler.sample(index: index, context: shortest)
      }
    }
  }

  /// Makes one sample of each task and length that maps are searched on.
  func requireSearchSamples(_ tokenizer: Tokenizer) throws {
    guard !searchedUnits.isEmpty else { return }
    // Samples of passkeys differ in nothing that could go wrong; a file's lines and RULER's tasks do.
    let isMade = (search.tasks + [task]).allSatisfy {
      if case .passkeys = $0 { true } else { false }
    }
    let kinds = max(1, search.tasks.count) * searchContexts.count
    try Self.sample(["search"]) {
      let samplers = try searchSamplers(tokenizer)
      for ((task, wanted), (_, sampler)) in zip(searchedTasks, samplers) {
        guard let limit = sampler.count, let file = task.file else { continue }
        try requireSetting(
          wanted <= limit, SearchSettings.CodingKeys.samples,
          "is \(search.samples), \(wanted) of them of \(file), which has \(limit)\(Self.left(of: task)); set it to "
            + "\(samplers.count * limit) or less")
      }
      _ = try searchSamples(
        samplers, count: isMade ? min(search.samples, kinds) : search.samples)
    }
  }

  /// Makes the first sample of each task that maps are judged on, and says what was made.
  func requireEvaluationSamples(
    _ tokenizer: Tokenizer, positions: Int
  ) throws -> MadeSamples {
    var made = MadeSamples()
    if calibration == nil, evaluation.baselines.contains(.lazy) {
      try Self.sample(["evaluation", "baselines"]) {
        _ = try calibrationSampler(tokenizer).sample(index: 0, context: nil)
      }
    }
    for (position, task) in evaluation.tasks.enumerated() {
      try Self.sample(["evaluation", "tasks", String(position)]) {
        switch task.content {
        case .answers:
          let samples = try requireSamples(of: task, tokenizer, positions: positions)
          let cut = samples.count(where: \.isTruncated)
          if cut > 0 { made.truncated[task.name] = cut }
          made.longest[task.name] = samples.map { sample in
            let written = task.generates ? sample.key?.maximumTokens ?? 0 : 0
            return max(sample.length, sample.boundary(.answer) + written)
          }.max()
        case .prose: _ = try proseSampler(task, tokenizer)
        }
      }
    }
    return made
  }

  /// Puts the place of the settings before what is wrong with a sample that they ask for.
  static func sample(_ place: [String], make: () throws -> Void) throws {
    do {
      try make()
    } catch let problem as InvalidSetting {
      throw InvalidSetting(place + problem.path, problem.problem)
    } catch let error as GateOptimizerError {
      let sentence = error.description
      switch error {
      case .contextTooShort, .textTooShort: break
      case .option(let name, let expected, let found)
      where name == FileTask.CodingKeys.chat.rawValue:
        throw InvalidSetting(place + [name], "is \(found); it must be \(expected)")
      default: throw error
      }
      throw InvalidSetting(
        place,
        "has no samples: " + sentence.prefix(1).lowercased() + sentence.dropFirst().dropLast())
    }
  }

  /// The passages that maps are judged on by a task of running text.
  func proseSampler(_ task: EvaluationTask, _ tokenizer: Tokenizer) throws -> ProseSampler {
    try ProseSampler(
      haystack: haystack.evaluation, context: evaluation.context(of: task), seed: evaluation.seed,
      tokenizer: tokenizer)
  }

  private func searchSamples(
    _ samplers: [(task: SampleTask, source: any SampleSource)], count: Int
  ) throws -> [TaskSample] {
    // Every task takes its turn at every length, and every kind of RULER's at every length in time.
    try (0..<count).map { index in
      let (turn, place) = index.quotientAndRemainder(dividingBy: samplers.count)
      let (task, sampler) = samplers[place]
      // Where both numbers have a divisor in common, pairs come again before all have come: the lengths move on by one.
      let divisor = greatestCommonDivisor(task.kinds, searchContexts.count)
      let round = task.kinds * searchContexts.count / divisor
      let context = searchContexts[(turn + turn / round % divisor) % searchContexts.count]
      // Lines of a file are taken one after the other, and passkeys have other random numbers.
      let number = if case .passkeys = task { index } else { turn }
      return try sampler.sample(index: number, context: context)
    }
  }

  /// The tasks that maps are searched on, which take turns, each with its share of the samples.
  private var searchedTasks: [(task: SampleTask, samples: Int)] {
    let tasks = search.tasks.isEmpty ? [task] : search.tasks
    return tasks.enumerated().map { place, task in
      (task, (search.samples - place + tasks.count - 1) / tasks.count)
    }
  }

  /// The tasks that maps are searched on, each with the source of its samples.
  private func searchSamplers(
    _ tokenizer: Tokenizer
  ) throws -> [(task: SampleTask, source: any SampleSource)] {
    try searchedTasks.map { task, _ in
      let source = try task.source(
        haystack: haystack.calibration, purpose: .search, lengths: searchContexts, seed: seed,
        tokenizer: tokenizer)
      return (task, source)
    }
  }

  /// SHA-256 of each text file of the haystacks and of the gates that learning starts from, by its path;
  /// those that cannot be read are left to their readers to refuse.
  func textHashes() -> [String: String] {
    textFiles.reduce(into: [:]) { $0[$1] = TextFile.sha256(of: $1) }
  }

  /// What is to be said of the texts of the haystacks, a sentence without an end for each.
  func textWarnings() -> [String] {
    Set(haystack.calibration.files + haystack.evaluation.files).sorted().compactMap { path in
      TextFile.byteOrderMarkWarning(at: path).map { "\(path): \($0)" }
    }
  }

  /// The files of the haystacks and of the gates that learning starts from.
  package var textFiles: [String] {
    (calibrationTextFiles + searchTextFiles + scoreTextFiles + evaluationTextFiles).distinct
  }

  /// The texts that maps are judged on: those of the haystack and of tasks from files.
  var evaluationTextFiles: [String] {
    haystack.evaluation.files + evaluation.tasks.compactMap { $0.answers?.file }
  }

  /// The texts that questions on documents are made of, or their file, of texts or of embeddings.
  var scoreTextFiles: [String] {
    guard scores.asksOnDocuments else { return [] }
    return (scores.file ?? scores.embeddings).map { [$0] } ?? haystack.calibration.files
  }

  /// The files of tasks that maps are searched on.
  var searchTextFiles: [String] { search.tasks.compactMap(\.file) }

  /// The texts that one task, by its name, judges maps on: its file, or those of the haystack.
  func textFiles(ofTask name: String) -> [String] {
    let task = evaluation.tasks.first { $0.name == name }
    return (task?.answers?.file).map { [$0] } ?? haystack.evaluation.files
  }

  /// Those that gates are learned and maps are searched on.
  var calibrationTextFiles: [String] {
    haystack.calibration.files + [task.file].compactMap(\.self)
      + [calibration?.initialGates].compactMap { $0.map(ImportedFile.hashed) }
  }

  /// The samples that maps are judged on by one task; those of `PasskeyTask()` for prose, which has none.
  ///
  /// Those of a file take all `positions` of the model, unless the task says less.
  package func evaluationSamples(
    _ task: EvaluationTask, _ tokenizer: Tokenizer, positions: Int
  ) throws -> EvaluationSamples {
    let content = task.answers ?? .passkeys(PasskeyTask())
    let isLimited = content.file == nil || task.context != nil
    let source = try content.source(
      haystack: haystack.evaluation, purpose: .evaluation,
      lengths: task.grid?.lengths ?? [isLimited ? evaluation.context(of: task) : positions],
      seed: evaluation.seed, tokenizer: tokenizer)
    return EvaluationSamples(source: source, grid: task.grid, cells: task.rulerCells)
  }

  /// Where lines are skipped, words that say so.
  private static func left(of task: SampleTask?) -> String {
    guard case .file(let file) = task, file.skip > 0 else { return "" }
    return " behind the \(file.skip) that are skipped"
  }

  /// A sample of each kind of a task, and all of a file's, so that no line is found wrong after hours.
  private func requireSamples(
    of task: EvaluationTask, _ tokenizer: Tokenizer, positions: Int
  ) throws -> [TaskSample] {
    let samples = try evaluationSamples(task, tokenizer, positions: positions)
    var count = max(1, task.rulerCells.count)
    if let limit = samples.source.count {
      count = evaluation.samples(of: task)
      try requireSetting(
        count <= limit, EvaluationTask.CodingKeys.samples,
        "is \(count), but \(task.answers?.file ?? "the file") has \(limit)\(Self.left(of: task.answers)); set it to \(limit) or less"
      )
    }
    return try (0..<count).map { try samples.sample(index: $0) }
  }

  /// What is to be said of the samples that maps are judged on, as `record` knows them; sentences without an end.
  func sampleNotes(_ record: RunRecord) -> [String] {
    truncationNotes(record.truncated ?? [:]) + overlapNotes + boundaryNotes
      + windowNotes(record.longest ?? [:])
  }

  /// What is to be said where it is not known where the prompts of a file end.
  private var boundaryNotes: [String] {
    guard deployments.contains(where: { $0.phase != .everywhere && $0.boundary == .question })
    else { return [] }
    return evaluation.tasks.compactMap { task in
      guard case .file(let file) = task.answers, !file.hasContext else { return nil }
      return
        "the prompt of \(task.name) has no {context} in it, so that it ends where the answer begins, whatever the "
        + "boundary is"
    }
  }

  /// What is to be said where streaming heads see whole samples, by the tokens of each task's longest one.
  private func windowNotes(_ longest: [String: Int]) -> [String] {
    deployments.flatMap { deployment -> [String] in
      let window = deployment.window.sink + deployment.window.recent
      return evaluation.tasks.compactMap { task in
        // Of a grid one length alone was made.
        guard task.grid == nil, let tokens = longest[task.name], tokens <= window else {
          return nil
        }
        return
          "the samples of \(task.name) take \(grouped(tokens)) tokens at most, which the window \(deployment.name) holds "
          + "whole: every map keeps all of it there"
      }
    }
  }

  /// What is to be said of samples that are cut, by the number of them for each task.
  private func truncationNotes(_ counts: [String: Int]) -> [String] {
    evaluation.tasks.compactMap { task in
      guard let count = counts[task.name], count > 0 else { return nil }
      let limit =
        task.context.map { "its context of \(grouped($0)) tokens" } ?? "the model's positions"
      return
        "\(count) of the \(evaluation.samples(of: task)) samples of \(task.name) are cut in the middle to \(limit)"
    }
  }

  /// What is to be said where maps are searched or gates learned on lines that they are judged on; sentences without
  /// an end.
  var overlapNotes: [String] { evaluation.tasks.flatMap { overlapNotes(of: $0) }.distinct }

  /// The same of one task.
  func overlapNotes(of judged: EvaluationTask) -> [String] {
    let calibrated = calibration.map { $0.samples > 0 ? $0.samples : .max }
    var learned: [(task: SampleTask, what: String, count: Int)] = []
    if let calibrated { learned.append((task, "gates are learned", calibrated)) }
    for (task, count) in searchedTasks where !searchedUnits.isEmpty {
      learned.append((task, "maps are searched", count))
    }
    guard case .file(let file) = judged.answers else { return [] }
    let lines = file.skip..<file.skip + evaluation.samples(of: judged)
    return learned.compactMap { task, what, count in
      guard case .file(let other) = task, canonical(other.file) == canonical(file.file)
      else { return nil }
      let end = count == .max ? Int.max : other.skip + count
      guard lines.overlaps(other.skip..<end) else { return nil }
      return
        "\(judged.name) judges maps on samples of \(file.file) that \(what) on; give one of them others with skip"
    }
  }
}

/// What the samples are that maps are judged on.
struct MadeSamples {
  /// How many of a task's are cut to their context, by its name; none where none is.
  var truncated: [String: Int] = [:]
  /// Tokens of a task's longest one with room for its answer, of those that were made, by its name.
  var longest: [String: Int] = [:]
}

/// The largest number that divides both, ≥ 1.
private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  var (large, small) = (a, b)
  while small != 0 { (large, small) = (small, large % small) }
  return large
}
