import GateOptimizer
import MapReporter
import ModelLoader
import Transformer

/// Judges maps on the samples of one task; sample i is the same for every map.
package protocol TaskScorer {
  /// Scores those of `maps` that are `wanted` on sample `index`; `onEach` gets the place and the scores of
  /// each as soon as they are known, in an order of the scorer's own.
  ///
  /// The scores of a map do not depend on which others are wanted.
  ///
  /// - Throws: what `onEach` throws, at once, and `GateOptimizerError` where the sample cannot be made.
  func score(
    _ maps: [HeadSet], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws
}

extension RunConfiguration {
  /// The scorer of a task in a deployment.
  package func scorer(
    _ task: EvaluationTask, _ deployment: Deployment, _ model: RunModel
  ) throws -> any TaskScorer {
    let maps = MapRunner(decoder: model.decoder, deployment: deployment)
    switch task.content {
    case .answers(let content):
      let samples = try evaluationSamples(
        task, model.tokenizer, positions: model.decoder.configuration.maxPositions)
      if task.decodes {
        return DecodingScorer(
          decoder: model.decoder, samples: samples, deployment: deployment,
          cacheBytes: compute.memoryBudget.byteCount)
      }
      let reading = ReadingScorer(runner: maps, samples: samples, metrics: content.metrics)
      let judging = content.metrics.filter(\.judgesText)
      guard !judging.isEmpty else { return reading }
      return GeneratingScorer(
        model: model, samples: samples, deployment: deployment, metrics: judging,
        ending: TextEnding(
          tokens: model.endTokens.union(
            try content.chat.endTokens(of: model.tokenizer, at: "chat")),
          texts: content.stops, isOneLine: content.isOneLine),
        reading: judging.count < content.metrics.count ? reading : nil,
        cacheBytes: compute.memoryBudget.byteCount)
    case .prose(let prose):
      return ProseScorer(
        runner: maps, sampler: try proseSampler(task, model.tokenizer), settings: prose)
    }
  }
}

/// The samples of a task with answers, each in its cell where the task has cells.
package struct EvaluationSamples: Sendable {
  let source: any SampleSource
  /// Depths and lengths of needles.
  var grid: NeedleGrid?
  /// Tasks and lengths of RULER.
  var cells: [RulerCell] = []

  /// Sample `index`.
  ///
  /// - Throws: What the source throws.
  package func sample(index: Int) throws -> TaskSample {
    if let cell = grid?.cell(of: index), let source = source as? PasskeySampler {
      return try source.sample(index: index, context: cell.length, depth: cell.depth)
    }
    if !cells.isEmpty, let source = source as? RulerSampler {
      let cell = cells[index % cells.count]
      return try source.sample(cell.kind, number: index / cells.count, context: cell.length)
    }
    return try source.sample(index: index, context: nil)
  }
}

/// Runs maps over a sample in a deployment.
///
/// A map goes through all of it or, where maps stream after the prompt alone, through what follows the prompt, which is
/// read once. Layers that maps have in common are computed once.
struct MapRunner {
  let decoder: DecoderModel
  let deployment: Deployment

  /// Final hidden states at `rows`, (rows, C), under each of `maps` that is `wanted`, with its place.
  ///
  /// - Throws: What `visit` throws, at once.
  func run(
    _ maps: [HeadSet], wanted: [Bool], tokens: [Int32], promptEnd: Int, rows: Range<Int>,
    visit: (Int, borrowing Tensor) throws -> Void
  ) rethrows {
    guard deployment.phase == .decode else {
      let rule = deployment.rule(boundary: promptEnd)
      return try decoder.finalHidden(
        tokens, patterns: maps.map { AttentionPattern($0, rule) }, wanted: wanted, rows: rows,
        visit: visit)
    }
    let prompt = PromptCache(decoder, tokens: tokens, boundary: promptEnd, rows: rows)
    let places = maps.indices.filter { wanted[$0] }
    try decoder.finalHidden(places.map { PromptedMap(prompt, maps[$0]) }, deployment) {
      try visit(places[$0], $1)
    }
  }
}

/// Teacher-forced: every answer token predicted from the true ones before it.
struct ReadingScorer: TaskScorer {
  let runner: MapRunner
  let samples: EvaluationSamples
  /// Those that are of tokens.
  let metrics: [AnswerMetric]

  package func score(
    _ maps: [HeadSet], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws {
    try score(maps, wanted: wanted, try samples.sample(index: index), onEach: onEach)
  }

  /// The same of a sample that is made.
  func score(
    _ maps: [HeadSet], wanted: [Bool], _ sample: TaskSample,
    onEach: (Int, SampleScores) throws -> Void
  ) throws {
    try runner.run(
      maps, wanted: wanted, tokens: sample.tokens,
      promptEnd: sample.boundary(runner.deployment.boundary), rows: sample.predictingRows
    ) { map, hidden in
      var scores = SampleScores()
      if metrics.contains(.tokens) { scores.count(sample, hidden, runner.decoder) }
      if metrics.contains(.likelihood) {
        let answers = Array(sample.answers.joined())
        let rows = sample.predictors(of: answers)
        let losses = runner.decoder.losses(
          hidden, reference: hidden, rows: rows, targets: answers.map { sample.tokens[$0] })
        for loss in losses { scores[.likelihood].add(loss.negativeLogLikelihood) }
      }
      try onEach(map, scores)
    }
  }
}

extension SampleScores {
  /// Counts the answer tokens of a sample that `hidden`, of its predicting rows, predicts.
  mutating func count(
    _ sample: TaskSample, _ hidden: borrowing Tensor, _ decoder: DecoderModel
  ) {
    let answers = Array(sample.answers.joined())
    let firstTokens = Set(sample.firstTokens)
    let predictions = decoder.predictions(hidden, at: sample.predictors(of: answers))
    for (position, prediction) in zip(answers, predictions) {
      count(prediction == sample.tokens[position], isFirst: firstTokens.contains(position))
    }
  }

  /// Counts one more token of an answer.
  mutating func count(_ isCorrect: Bool, isFirst: Bool) {
    self[.tokens].add(isCorrect)
    if isFirst { self[.firstTokens].add(isCorrect) }
  }
}

/// How well running text is predicted, and how far the predictions are from full attention's, by
/// position.
///
/// Where maps do not stream everywhere, the first half of a passage is the prompt, and the positions after it are
/// judged.
struct ProseScorer: TaskScorer {
  let runner: MapRunner
  let sampler: ProseSampler
  let settings: ProseSettings

  package func score(
    _ maps: [HeadSet], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws {
    let tokens = sampler.passage(index: index)
    let promptEnd = runner.deployment.phase == .everywhere ? 0 : max(1, tokens.count / 2)
    let positions = settings.positions(in: tokens.count).filter { $0 >= promptEnd }
    let targets = positions.map { tokens[$0 + 1] }
    let rows = promptEnd..<tokens.count
    let reference = decoder.finalHidden(
      tokens, pattern: .full(decoder.configuration), rows: rows)
    try runner.run(maps, wanted: wanted, tokens: tokens, promptEnd: promptEnd, rows: rows) {
      map, hidden in
      var scores = SampleScores()
      let losses = decoder.losses(
        hidden, reference: reference, rows: positions.map { $0 - promptEnd }, targets: targets)
      for (position, loss) in zip(positions, losses) {
        let bin = settings.bin(of: position, in: tokens.count)
        scores[.perplexity, bin].add(loss.negativeLogLikelihood)
        scores[.divergence, bin].add(loss.divergence)
      }
      try onEach(map, scores)
    }
  }

  private var decoder: DecoderModel { runner.decoder }
}

/// Greedy decoding through the KV cache, which holds only what the map's heads still see.
///
/// An answer is exact if every token decoded is the right one. Up to the first wrong token the decoded
/// text is the true text, so that reading on with the true token after it decides nothing about this
/// answer, and gives the next question the context that it has in the teacher-forced measurement.
struct DecodingScorer: TaskScorer {
  let decoder: DecoderModel
  let samples: EvaluationSamples
  let deployment: Deployment
  /// Bytes that the caches of maps that are decoded together may take.
  let cacheBytes: Int

  package func score(
    _ maps: [HeadSet], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws {
    let sample = try samples.sample(index: index)
    let boundary = sample.boundary(deployment.boundary)
    let (rule, capacity) = (deployment.rule(boundary: boundary), sample.tokens.count)
    // LongRoPE takes the text for as long as where it is read at once.
    let length = sample.predictingRows.upperBound
    let places = maps.indices.filter { wanted[$0] }
    guard deployment.phase == .decode else {
      let prompt = Array(sample.tokens[..<(sample.answers.first?.lowerBound ?? 0)])
      for place in places {
        let generation = Generation(
          decoder, prompt: prompt, pattern: AttentionPattern(maps[place], rule),
          capacity: capacity, length: length)
        try onEach(place, decode(sample, GenerationGroup(generation))[0])
      }
      return
    }
    // All maps see the same of the prompt.
    let read = Generation(
      decoder, prompt: Array(sample.tokens[..<boundary]), pattern: .full(decoder.configuration),
      capacity: boundary, length: length)
    let together = GenerationGroup.size(
      decoder.configuration, capacity: capacity, within: cacheBytes)
    for start in stride(from: 0, to: places.count, by: together) {
      let part = places[start...].prefix(together)
      let group = GenerationGroup(
        continuing: read, patterns: part.map { AttentionPattern(maps[$0], rule) },
        capacity: capacity)
      for (place, scores) in zip(part, decode(sample, group)) { try onEach(place, scores) }
    }
  }

  /// Scores the answers of each member, decoded after what was read of the sample.
  private func decode(_ sample: TaskSample, _ prompt: consuming GenerationGroup) -> [SampleScores] {
    let (tokens, firstTokens) = (sample.tokens, Set(sample.firstTokens))
    var group = prompt
    var scores = group.members.map { _ in SampleScores() }
    func all(_ position: Int) -> [Int32] { scores.map { _ in tokens[position] } }
    var next = group.tokens
    for answer in sample.answers {
      for position in next..<answer.lowerBound { group.append(all(position)) }
      var isExact = scores.map { _ in true }
      for position in answer {
        for (member, prediction) in group.predictions.enumerated() {
          let isCorrect = prediction == tokens[position]
          isExact[member] = isExact[member] && isCorrect
          scores[member].count(isCorrect, isFirst: firstTokens.contains(position))
        }
        group.append(all(position))
      }
      for (member, isExact) in isExact.enumerated() { scores[member][.exact].add(isExact) }
      next = answer.upperBound
    }
    return scores
  }
}

/// Greedy decoding of an answer through the KV cache, judged as a text.
///
/// The prompt ends where the answer begins; heads stream as the deployment says.
struct GeneratingScorer: TaskScorer {
  let model: RunModel
  let samples: EvaluationSamples
  let deployment: Deployment
  let metrics: [AnswerMetric]
  let ending: TextEnding
  /// What scores tokens besides.
  let reading: ReadingScorer?
  /// Bytes that the caches of maps that are decoded together may take.
  let cacheBytes: Int

  package func score(
    _ maps: [HeadSet], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws {
    let sample = try samples.sample(index: index)
    var read: [Int: SampleScores] = [:]
    try reading?.score(maps, wanted: wanted, sample) { read[$0] = $1 }
    guard let key = sample.key, let end = sample.answers.first?.lowerBound else { return }
    let prompt = Array(sample.tokens[..<end])
    let boundary = sample.boundary(deployment.boundary)
    func record(_ text: String, of place: Int) throws {
      var scores = read[place] ?? SampleScores()
      for metric in metrics { scores[CurveMetric(metric)].add(metric.score(text, key)) }
      try onEach(place, scores)
    }
    let generator = TextGenerator(
      model, deployment: deployment, ending: ending, maximumTokens: key.maximumTokens)
    let places = maps.indices.filter { wanted[$0] }
    guard deployment.phase == .decode else {
      for place in places {
        let answer = generator.generate(prompt, heads: maps[place], boundary: boundary) {
          !isDecided($0, key)
        }
        try record(answer.text, of: place)
      }
      return
    }
    try generator.generate(
      prompt, maps: places.map { maps[$0] }, boundary: boundary,
      together: GenerationGroup.size(
        model.decoder.configuration, capacity: end + key.maximumTokens, within: cacheBytes),
      onText: { !isDecided($0, key) }, onEnd: { try record($1, of: places[$0]) })
  }

  /// Whether what follows changes no score any more.
  private func isDecided(_ text: String, _ key: AnswerKey) -> Bool {
    metrics.allSatisfy { metric in
      (metric == .containsAll || metric == .containsAny) && metric.score(text, key) == 1
    }
  }
}
