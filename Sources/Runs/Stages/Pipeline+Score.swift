import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

extension Pipeline {
  /// The scores of all heads by the methods that are asked for: those that are there, or computed now.
  func scoreHeads(_ model: RunModel) throws -> [(method: ScoreMethod, record: ScoreRecord)] {
    var read: PromptedSamples?
    return try scoreHeads(model, &read)
  }

  /// The same, where the search's samples are `read` for whoever comes next.
  func scoreHeads(
    _ model: RunModel, _ read: inout PromptedSamples?
  ) throws -> [(method: ScoreMethod, record: ScoreRecord)] {
    let methods = configuration.scores.methods
    var found: [ScoreMethod: ScoreRecord] = [:]
    for method in methods {
      let result = RunResult.headScores(method)
      guard result.isThere(in: files) else { continue }
      guard try isOwn(result) else {
        try folder.remove(files[.headScores(method)])
        continue
      }
      found[method] = try ScoreRecord(contentsOf: files[.headScores(method)])
    }
    let missing = methods.filter { found[$0] == nil }
    found.merge(try scoreOnDocuments(model, missing)) { $1 }
    for method in missing where !method.asksOnDocuments {
      found[method] = try keep(try ownScores(of: method, model, &read), by: method, model)
    }
    return methods.compactMap { method in found[method].map { (method, $0) } }
  }

  /// The gates of those scores.
  func scoredGates(_ model: RunModel) throws -> [(method: ScoreMethod, gates: GateMatrix)] {
    let space = MapSpace(model.decoder.configuration)
    return try scoreHeads(model).map { method, record in
      let gates = try record.gates(
        of: space, grouping: configuration.scores.group, path: files[.headScores(method)])
      return (method, gates)
    }
  }

  /// The scores of methods that ask on documents, all on the same samples.
  private func scoreOnDocuments(
    _ model: RunModel, _ methods: [ScoreMethod]
  ) throws -> [ScoreMethod: ScoreRecord] {
    let methods = methods.filter(\.asksOnDocuments)
    guard !methods.isEmpty else { return [:] }
    let samples = try configuration.scoreSamples(model.tokenizer)
    let scorer = try configuration.headScorer(model)
    // Each is kept when it is done; QRHead with and without its mask are of one pass.
    let shared: [ScoreMethod] = [.queryFocused, .multimodal]
    let passes =
      [methods.filter(shared.contains)] + methods.filter { !shared.contains($0) }.map { [$0] }
    let total = samples.count * passes.count { !$0.isEmpty }
    observer.stepBegan("score", unit: "samples", done: 0, total: total)
    var kept: [ScoreMethod: ScoreRecord] = [:]
    var done = 0
    var failure: (any Error)?
    for pass in passes where !pass.isEmpty {
      defer { done += samples.count }
      do {
        func own(_ index: Int) throws -> [ScoreMethod: SampleRows] {
          try samples.rows(of: index, scorer, by: pass)
        }
        let rows = try onSamples(samples.count) { [observer, done] count in
          observer.stepAdvanced(to: done + count, note: pass[0].rawValue)
        } spread: { ranks, check, began in
          try ranks.score(pass, samples.count, check: check, began: began, own: own)
        } own: {
          try own($0)
        }
        let scored = try scorer.mean(by: pass, rows)
        for method in pass {
          kept[method] = try scored[method].map { try keep($0, by: method, model) }
        }
      } catch let error as GateOptimizerError {
        // What the others find is kept before a method is refused.
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return kept
  }

  /// The scores of methods that are measured for baselines, too.
  private func ownScores(
    of method: ScoreMethod, _ model: RunModel, _ read: inout PromptedSamples?
  ) throws -> ScoredHeads {
    guard method != .lazy else {
      return ScoredHeads(
        scores: HeadScores(unit: .keyValue, rows: try remoteness(model).rows),
        samples: Self.attentionSamples)
    }
    let restoration = try restoration(model, &read)
    let losses =
      method == .oneLayerBack ? restoration.divergence : restoration.likelihood
    let space = MapSpace(model.decoder.configuration)
    // The less is lost, the more a layer gains; layers that maps do not decide on gain least.
    let largest = losses.max() ?? 0
    var rows = Array(
      repeating: Array(repeating: 0.0, count: space.heads), count: space.layers)
    for (layer, loss) in zip(restoration.layers, losses) {
      rows[layer] = Array(repeating: largest - loss, count: space.heads)
    }
    return ScoredHeads(
      scores: HeadScores(unit: .keyValue, rows: rows), samples: configuration.search.samples)
  }

  /// Writes scores into the folder, with what they were made of.
  private func keep(
    _ scored: ScoredHeads, by method: ScoreMethod, _ model: RunModel
  ) throws -> ScoreRecord {
    var record = ScoreRecord(
      method: method.rawValue, scores: scored.scores,
      keyValueHeads: model.decoder.configuration.keyValueHeads)
    record.settings = try method.asksOnDocuments ? configuration.scoreSettings() : [:]
    record.model = ScoreRecord.Model(
      type: model.decoder.configuration.modelType, identity: source.identity)
    record.samples = scored.samples
    record.answered = scored.answered
    record.seed = configuration.scores.embeddings == nil ? Int(exactly: configuration.seed) : nil
    if method.asksOnDocuments {
      record.texts = configuration.scoreTextFiles.reduce(into: [:]) {
        $0[$1] = self.record.texts?[$1]
      }
    }
    record.zigzag = self.record.zigzagVersion
    let text = try record.json()
    try folder.claim(.headScores(method), inputs, texts: [text])
    try folder.write(text, to: files[.headScores(method)])
    let answered = scored.answered.map { ", \($0) of them answered" } ?? ""
    let best = scored.scores.ranked.prefix(3).map(\.description).joined(separator: ", ")
    observer.report(
      "scored the heads by \(method.rawValue) on \(scored.samples) samples\(answered); the first are \(best)"
    )
    return record
  }
}

/// What heads are scored on.
enum ScoreSamples {
  /// Questions on texts.
  case prompts([DocumentPrompt])
  /// Rows of the residual stream.
  case embeddings(EmbeddingFile)

  var count: Int {
    switch self {
    case .prompts(let prompts): prompts.count
    case .embeddings(let file): file.names.count
    }
  }

  /// What one of them says of all heads.
  func rows(
    of index: Int, _ scorer: HeadScorer, by methods: [ScoreMethod]
  ) throws -> [ScoreMethod: SampleRows] {
    switch self {
    case .prompts(let prompts): scorer.rows(by: methods, prompts[index])
    case .embeddings(let file): try scorer.rows(by: methods, file, sample: index)
    }
  }
}

extension RunConfiguration {
  /// What heads are scored on: the file of embeddings, or questions on texts.
  func scoreSamples(_ tokenizer: Tokenizer) throws -> ScoreSamples {
    if let embeddings = scores.embeddings {
      return .embeddings(try EmbeddingFile(contentsOf: embeddings))
    }
    return .prompts(try scorePrompts(tokenizer).map(\.prompt))
  }

  /// What scores heads on documents.
  func headScorer(_ model: RunModel) throws -> HeadScorer {
    let ends = try scores.wording.form.chat.endTokens(
      of: model.tokenizer, at: "scores.wording.form")
    return HeadScorer(
      model.decoder, tokenizer: model.tokenizer, endTokens: model.endTokens.union(ends),
      settings: scores)
  }

  /// The samples that heads are scored on, with their gold documents and what names each in errors.
  ///
  /// - Throws: `FileError`, `GateOptimizerError` and `DocumentProblem` for a sample that cannot be made.
  func scorePrompts(_ tokenizer: Tokenizer) throws -> [(place: String, prompt: DocumentPrompt)] {
    try documentSamples(tokenizer).map { place, sample in
      let prompt = try DocumentPrompt(
        sample, wording: scores.wording, tokenizer: tokenizer, place: place)
      try prompt.requireAnswer(for: scores.methods, place: place)
      return (place, prompt)
    }
  }

  private func documentSamples(
    _ tokenizer: Tokenizer
  ) throws -> [(place: String, sample: DocumentSample)] {
    if let path = scores.file {
      let file = try DocumentFile(contentsOf: path, needsGold: true)
      let count = file.samples.count
      try requireSetting(
        scores.samples <= count, ScoreSettings.CodingKeys.samples,
        "is \(scores.samples), but \(path) has \(count); set it to \(count) or less")
      return (0..<scores.samples).map { (file.place(of: $0), file.samples[$0]) }
    }
    let made = try SyntheticDocuments(
      task: scores.documentTask, haystack: haystack.calibration, passage: 1, seed: seed,
      tokenizer: tokenizer)
    let (questions, shortest) = try made.filling(
      scores.context, wording: scores.wording, place: "a sample of scores")
    guard let questions else {
      throw InvalidSetting(
        [ScoreSettings.CodingKeys.context.rawValue],
        "is \(scores.context); \(scores.documents) documents take \(shortest) tokens without a text: make it longer, or "
          + "ask for fewer documents")
    }
    return (0..<scores.samples).map { ("sample \($0) of scores", questions.sample($0)) }
  }

  /// Makes every sample that heads are scored on, and those that are looked at where heads are masked.
  ///
  /// - Throws: What ``scorePrompts(_:)`` throws, and `InvalidSetting` for more than the model has positions or heads for.
  func requireScoreSamples(_ tokenizer: Tokenizer, _ model: ModelConfiguration) throws {
    if !scores.methods.isEmpty && !scores.masking.heads.isEmpty {
      let all = model.layers * model.queryHeads
      if let count = scores.masking.heads.first(where: { $0 > all }) {
        throw InvalidSetting(
          ["scores", "masking", "heads"],
          "has \(count), but the model has \(all) query heads; take fewer")
      }
      _ = try maskingSamples(tokenizer, model)
    }
    guard scores.asksOnDocuments else { return }
    try Self.sample(["scores"]) {
      do {
        _ = try scores.wording.form.chat.endTokens(of: tokenizer, at: "form")
      } catch let error as GateOptimizerError {
        guard case .option(_, let expected, let found) = error else { throw error }
        throw InvalidSetting(
          [ScoreSettings.CodingKeys.wording.rawValue, DocumentWording.CodingKeys.form.rawValue],
          "is \(found); it must be \(expected)")
      }
      if let embeddings = scores.embeddings {
        return try requireEmbeddings(embeddings, model)
      }
      for (place, prompt) in try scorePrompts(tokenizer) {
        try requireFit(place, model) { prompt.positions(for: $0, scores) }
      }
    }
  }

  /// Refuses methods that need more positions for a sample than the model has.
  private func requireFit(
    _ place: String, _ model: ModelConfiguration, positions: (ScoreMethod) -> Int
  ) throws(InvalidSetting) {
    for method in scores.methods {
      let needed = positions(method)
      try requireSetting(
        needed <= model.maxPositions, ScoreSettings.CodingKeys.methods,
        "has \(method.rawValue), which needs \(needed) positions for \(place); \(self.model) was made for at "
          + "most \(model.maxPositions): give shorter samples, or leave it out")
    }
  }

  /// Reads every sample of a file of embeddings.
  private func requireEmbeddings(_ path: String, _ model: ModelConfiguration) throws {
    // Without its vision tower a model of this family needs no embeddings, and with it causal attention is another model.
    try requireSetting(
      model.modelType != "gemma3_text", ScoreSettings.CodingKeys.embeddings,
      "is \(path), but in Gemma 3 the tokens of an image see each other both ways, which is not computed here; take a model "
        + "with causal attention")
    let file = try EmbeddingFile(contentsOf: path)
    for index in file.names.indices {
      let sample = try file.sample(index, for: model, scores.methods)
      try requireFit("sample \(index) of \(path)", model) { sample.positions(for: $0, scores) }
    }
  }
}
