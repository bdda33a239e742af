import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

extension Pipeline {
  /// Measures what the model has right without the query heads of the highest scores, and without random ones, as far
  /// as that is not done yet.
  func maskHeads(
    _ model: RunModel, _ scored: [(method: ScoreMethod, record: ScoreRecord)]
  ) throws {
    let settings = configuration.scores.masking
    if try RunResult.masking.isThere(in: files) && !isOwn(.masking) {
      try folder.remove(files[.masking])
    }
    guard !settings.heads.isEmpty, !scored.isEmpty else { return }
    let architecture = model.decoder.configuration
    let samples = try configuration.maskingSamples(model.tokenizer, architecture)
    var points = files.has(.masking) ? try MaskTable.read(files[.masking]) : []
    let wanted = HeadMask.Kind.allCases.flatMap { kind in
      MaskedSet.all(settings, scored, architecture, kind)
    }
    let missing = wanted.filter { set in !points.contains { $0.isSame(as: set.point) } }
    observer.stepBegan(
      "mask", unit: "sets of heads", done: wanted.count - missing.count, total: wanted.count)
    for (index, set) in missing.enumerated() {
      // What masked heads do makes no difference where none is.
      let whole = set.point.heads == 0 ? points.first { $0.heads == 0 }?.estimate : nil
      guard let estimate = try whole ?? accuracy(model.decoder, samples, without: set.mask) else {
        continue
      }
      var point = set.point
      (point.samples, point.estimate) = (samples.count, estimate)
      points.append(point)
      // The order is that of the sets, whatever was measured first.
      let text = MaskTable.text(
        wanted.compactMap { set in points.first { $0.isSame(as: set.point) } })
      try folder.claim(.masking, inputs, texts: [text])
      try folder.write(text, to: files[.masking])
      observer.stepAdvanced(
        to: wanted.count - missing.count + index + 1,
        note: "\(point.method?.rawValue ?? "random") \(point.heads)")
    }
    observer.report("masked \(wanted.count) sets of heads on \(samples.count) samples")
  }

  /// The share of answer tokens that are predicted where some heads are masked, with its interval.
  private func accuracy(
    _ decoder: DecoderModel, _ samples: [TaskSample], without mask: HeadMask
  ) throws -> Estimate? {
    func own(_ index: Int) -> SampleScores { decoder.scores(samples[index], without: mask) }
    let scores = try onSamples(samples.count) { ranks, check, began in
      try ranks.mask(mask, samples.count, check: check, began: began, own: own)
    } own: {
      own($0)
    }
    let settings = configuration.evaluation
    return Bootstrap(resamples: settings.bootstrap, seed: settings.seed).value(
      scores.map { $0[.tokens] })
  }
}

extension DecoderModel {
  /// The answer tokens of a sample that are predicted where some heads are masked.
  func scores(_ sample: TaskSample, without mask: HeadMask) -> SampleScores {
    let hidden = finalHidden(sample.tokens, mask: mask, rows: sample.predictingRows)
    var scores = SampleScores()
    scores.count(sample, hidden, self)
    return scores
  }
}

/// A set of heads to mask, and the point it becomes.
private struct MaskedSet {
  let mask: HeadMask
  let point: MaskPoint

  private init(
    _ kind: HeadMask.Kind, _ method: ScoreMethod?, seed: Int? = nil, _ heads: [HeadPlace],
    _ c: ModelConfiguration
  ) {
    mask = HeadMask(
      kind, heads.map { ($0.layer, $0.head) }, layers: c.layers, queryHeads: c.queryHeads)
    point = MaskPoint(
      method: method, seed: seed, kind: kind, heads: heads.count, samples: 0,
      estimate: Estimate(value: 0, low: 0, high: 0))
  }

  /// No head, the first heads of every method that ranks heads, and random heads.
  static func all(
    _ settings: MaskingSettings, _ scored: [(method: ScoreMethod, record: ScoreRecord)],
    _ c: ModelConfiguration, _ kind: HeadMask.Kind
  ) -> [MaskedSet] {
    let counts = settings.heads.sorted()
    var sets = [MaskedSet(kind, nil, [], c)]
    for (method, record) in scored where method.ranksHeads {
      let ranked = ranked(record.scores, c)
      sets += counts.map { MaskedSet(kind, method, Array(ranked.prefix($0)), c) }
    }
    for seed in settings.seeds {
      for count in counts {
        var generator = SeededGenerator(seed: UInt64(seed), stream: .randomHeads)
        let places = generator.choose(count, of: c.layers * c.queryHeads)
        sets.append(
          MaskedSet(
            kind, nil, seed: seed,
            places.map { HeadPlace(layer: $0 / c.queryHeads, head: $0 % c.queryHeads) }, c))
      }
    }
    return sets
  }

  /// All query heads, the highest first; those of a key-value head one after the other.
  private static func ranked(_ scores: HeadScores, _ c: ModelConfiguration) -> [HeadPlace] {
    guard scores.unit == .keyValue else { return scores.ranked }
    let group = c.queryHeads / c.keyValueHeads
    return scores.ranked.flatMap { place in
      (0..<group).map { HeadPlace(layer: place.layer, head: place.head * group + $0) }
    }
  }
}

extension RunConfiguration {
  /// The evaluation's first task of passkeys without a grid.
  var maskingTask: EvaluationTask? {
    evaluation.tasks.first {
      if case .answers(.passkeys) = $0.content { return $0.grid == nil }
      return false
    }
  }

  /// The samples that are looked at where heads are masked: the first of the evaluation's first task of passkeys.
  ///
  /// - Throws: `InvalidSetting` where there is no such task.
  func maskingSamples(
    _ tokenizer: Tokenizer, _ model: ModelConfiguration
  ) throws -> [TaskSample] {
    guard let passkeys = maskingTask else {
      throw InvalidSetting(
        ["scores", "masking"],
        "masks heads on a task of passkeys, but evaluation.tasks has none; add one, or leave it out"
      )
    }
    let source = try evaluationSamples(passkeys, tokenizer, positions: model.maxPositions)
    return try (0..<scores.masking.samples).map { try source.sample(index: $0) }
  }
}
