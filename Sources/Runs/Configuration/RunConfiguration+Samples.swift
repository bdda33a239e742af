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
  func calibrationSampler(_ tokenizer: Tokenizer) throws -> PasskeySampler {
    let lengths = try calibration.map {
      try PasskeySampler.contextLengths(
        from: $0.contextMin, to: $0.contextMax, count: $0.contextIntervals)
    }
    return try PasskeySampler(
      task: task, haystack: haystack.calibration, purpose: .calibration,
      contextLengths: lengths ?? [evaluation.context], seed: seed, tokenizer: tokenizer)
  }

  /// The samples that maps are searched on: calibration samples that no gate was learned on.
  package func searchSamples(_ tokenizer: Tokenizer) throws -> [PasskeySample] {
    try searchSamples(tokenizer, count: search.samples)
  }

  /// Makes the first sample that gates are learned on.
  ///
  /// - Throws: Here and below `InvalidSetting` for a context that is too short, with its place;
  ///   `GateOptimizerError` and ``RunError`` for another sample that cannot be made.
  func requireCalibrationSample(_ tokenizer: Tokenizer) throws {
    guard calibration != nil else { return }
    try Self.sample(["calibration"]) { _ = try calibrationSampler(tokenizer).sample(index: 0) }
  }

  /// Makes one sample of each task and length that maps are searched on.
  func requireSearchSamples(_ tokenizer: Tokenizer) throws {
    guard !searchedUnits.isEmpty else { return }
    let kinds = max(1, search.tasks.count) * searchContexts.count
    try Self.sample(["search"]) {
      _ = try searchSamples(tokenizer, count: min(search.samples, kinds))
    }
  }

  /// Makes the first sample of each task that maps are judged on.
  func requireEvaluationSamples(_ tokenizer: Tokenizer) throws {
    if calibration == nil, evaluation.baselines.contains(.lazy) {
      try Self.sample(["evaluation", "baselines"]) {
        _ = try calibrationSampler(tokenizer).sample(index: 0)
      }
    }
    for (position, task) in evaluation.tasks.enumerated() {
      try Self.sample(["evaluation", "tasks", String(position)]) {
        switch task.content {
        case .passkeys: _ = try evaluationSamples(task, tokenizer).sample(index: 0)
        case .prose: _ = try proseSampler(task, tokenizer)
        }
      }
    }
  }

  /// Puts the place of the settings before what is wrong with a sample that they ask for.
  private static func sample(_ place: [String], make: () throws -> Void) throws {
    do {
      try make()
    } catch let error as GateOptimizerError {
      guard case .contextTooShort = error else { throw error }
      let sentence = error.description
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

  private func searchSamples(_ tokenizer: Tokenizer, count: Int) throws -> [PasskeySample] {
    let tasks = search.tasks.isEmpty ? [task] : search.tasks
    let samplers = try tasks.map { task in
      try PasskeySampler(
        task: task, haystack: haystack.calibration, purpose: .search,
        contextLengths: searchContexts, seed: seed, tokenizer: tokenizer)
    }
    // Every task takes its turn at every length.
    return try (0..<count).map { index in
      let context = searchContexts[index / tasks.count % searchContexts.count]
      return try samplers[index % tasks.count].sample(index: index, context: context)
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
  package var textFiles: [String] { calibrationTextFiles + haystack.evaluation.files }

  /// Those that gates are learned and maps are searched on.
  var calibrationTextFiles: [String] {
    haystack.calibration.files
      + [calibration?.initialGates].compactMap { $0.map(ImportedFile.hashed) }
  }

  /// The samples that maps are judged on by one task; those of `PasskeyTask()` for prose, which has none.
  package func evaluationSamples(
    _ task: EvaluationTask, _ tokenizer: Tokenizer
  ) throws -> EvaluationSamples {
    var wording = PasskeyTask()
    if case .passkeys(let own) = task.content { wording = own }
    let sampler = try PasskeySampler(
      task: wording, haystack: haystack.evaluation, purpose: .evaluation,
      contextLengths: task.grid?.lengths ?? [evaluation.context(of: task)], seed: evaluation.seed,
      tokenizer: tokenizer)
    return EvaluationSamples(sampler: sampler, grid: task.grid)
  }
}
