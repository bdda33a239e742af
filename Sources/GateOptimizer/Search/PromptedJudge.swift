import BasicContainers
import Transformer

/// Judges sets for maps that stream after the prompt: the prompts are read once, and a set costs the rows after
/// them.
package final class PromptedJudge: LossJudge {
  private let decoder: DecoderModel
  private let question: MapJudge.Question
  private let prompts: PromptShelf
  /// Bytes that kept inputs may take.
  private let inputBudget: Int
  /// For each sample which of its rows are judged.
  private let rows: [[Int]]
  /// Final hidden states under full attention at these, (rows, C), and what they predict.
  private var teachers = UniqueArray<Tensor>()
  private var references = UniqueArray<ReferencePredictions>()
  /// For each sample the map that the next ones differ little from, and those that may be the next such one.
  private var bases: [PromptedBase?]
  private var base: [Bool]?
  private var candidates: [TrialName: PromptedBase] = [:]
  private let onEach: () throws -> Void

  private struct TrialName: Hashable {
    let kept: [Bool]
    let sample: Int
  }

  /// A judge on `samples`.
  ///
  /// - Parameters:
  ///   - decoder: The model.
  ///   - samples: What maps are run on.
  ///   - question: What is judged and how; its deployment's phase is decode.
  ///   - settings: How prompts are kept; losses depend on how they are stored alone.
  ///   - onRead: Called after each sample's prompt is read, with the number of those that are.
  ///   - onEach: Called after each evaluation.
  /// - Throws: What `onRead` throws.
  package init(
    _ decoder: DecoderModel, samples: [PasskeySample], question: MapJudge.Question,
    prompts settings: PromptSettings = PromptSettings(),
    onRead: (Int) throws -> Void = { _ in }, onEach: @escaping () throws -> Void = {}
  ) throws {
    self.decoder = decoder
    self.question = question
    self.onEach = onEach
    bases = Array(repeating: nil, count: samples.count)
    var settings = settings
    inputBudget = settings.byteBudget / 4
    settings.byteBudget -= inputBudget
    prompts = PromptShelf(decoder, samples, question.deployment, settings)
    let wanted = samples.map { $0.positions(question.rows) }
    rows = zip(samples, wanted).map { $0.predictors(of: $1) }
    let full = AttentionPattern.full(decoder.configuration).heads
    for index in samples.indices {
      decoder.finalHidden([PromptedMap(prompts[index], full)], question.deployment) { _, hidden in
        let teacher = hidden.gathering(rows[index])
        references.append(
          ReferencePredictions(
            decoder, teacher, targets: wanted[index].map { samples[index].tokens[$0] }))
        teachers.append(teacher)
      }
      try onRead(index + 1)
    }
  }

  /// Number of samples.
  package var samples: Int { rows.count }

  /// Samples whose prompts are read again for each round, since there is no room for them.
  package var rereadPrompts: Int { rows.count - prompts.keptCount }

  /// Many sets at a time cost less than one after the other.
  package var measuresTogether: Bool { true }

  /// Mean loss of a set over the positions of one sample, ≥ 0 up to rounding.
  package func loss(of kept: [Bool], sample: Int) throws -> Double {
    try losses(of: [SetTrial(kept: kept, sample: sample)])[0]
  }

  /// The losses of many sets, each on a sample.
  package func losses(of trials: [SetTrial]) throws -> [Double] {
    try losses(of: trials, by: [question.loss]).map { $0[0] }
  }

  /// The same by several losses.
  package func losses(of trials: [SetTrial], by kinds: [MapLoss]) throws -> [[Double]] {
    var found = [[Double]](repeating: [], count: trials.count)
    let groups = prompts.groups(of: trials.map(\.sample))
    for sample in Set(trials.map(\.sample)) { setBase(of: sample) }
    for group in groups {
      let maps = group.map { map(trials[$0].kept, sample: trials[$0].sample) }
      var pending = PendingRows(columns: decoder.configuration.hidden)
      try decoder.finalHidden(
        maps, question.deployment, keepingInputs: keepsInputs(trials.count)
      ) { place, hidden, inputs in
        let index = group[place]
        candidates[TrialName(kept: trials[index].kept, sample: trials[index].sample)] = inputs
        pending.append(hidden.gathering(rows[trials[index].sample]), trial: index)
        if pending.count >= Self.rowsTogether { judge(&pending, trials, kinds, &found) }
        try onEach()
      }
      judge(&pending, trials, kinds, &found)
    }
    return found
  }

  private func map(_ kept: [Bool], sample: Int) -> PromptedMap {
    PromptedMap(
      prompts[sample],
      question.unit.heads(of: kept, perLayer: decoder.configuration.keyValueHeads),
      base: bases[sample])
  }

  /// Makes a set the one that the next ones differ little from; what was kept of others is given up.
  package func rebase(_ kept: [Bool]) {
    guard kept != base else { return }
    base = kept
    for sample in bases.indices {
      if let inputs = candidates[TrialName(kept: kept, sample: sample)] { bases[sample] = inputs }
    }
    candidates = [:]
  }

  /// Makes sure that the base of a sample is the set it should be.
  private func setBase(of sample: Int) {
    guard let base, keepsInputs(0) else { return }
    let map = map(base, sample: sample)
    guard bases[sample]?.heads != map.heads else { return }
    decoder.finalHidden([map], question.deployment, keepingInputs: true) {
      bases[sample] = $2
    }
  }

  /// Whether there is room for the inputs of as many trials more, and of the bases.
  private func keepsInputs(_ trials: Int) -> Bool {
    let each = PromptedBase.bytes(
      decoder.configuration, rows: rows.map { ($0.last ?? 0) + 2 }.max() ?? 0)
    return (candidates.count + trials + bases.count) * each <= inputBudget
  }

  /// Rows whose predictions are made together.
  private static let rowsTogether = 600

  private func judge(
    _ pending: inout PendingRows, _ trials: [SetTrial], _ kinds: [MapLoss],
    _ found: inout [[Double]]
  ) {
    guard pending.count > 0 else { return }
    let predictions =
      kinds.contains(where: \.judgesPredictions)
      ? decoder.losses(
        pending.joined(),
        places: pending.trials.flatMap { trial in
          let sample = trials[trial].sample
          return rows[sample].indices.map { (reference: sample, row: $0) }
        }, references: references) : []
    var start = 0
    for (place, trial) in pending.trials.enumerated() {
      let sample = trials[trial].sample
      let own = start..<start + rows[sample].count
      start = own.upperBound
      found[trial] = kinds.map { kind in
        if kind.judgesPredictions { return kind.mean(of: predictions[own]) }
        return kind.mean(
          of: pending.tensors[place].squaredDistances(
            to: teachers[sample], rows: Array(rows[sample].indices)),
          columns: decoder.configuration.hidden)
      }
    }
    pending = PendingRows(columns: decoder.configuration.hidden)
  }
}

/// Judged rows of some trials that wait to be predicted from together.
private struct PendingRows: ~Copyable {
  let columns: Int
  var trials: [Int] = []
  var tensors = UniqueArray<Tensor>()
  var count = 0

  init(columns: Int) { self.columns = columns }

  mutating func append(_ rows: consuming Tensor, trial: Int) {
    count += rows.rows
    trials.append(trial)
    tensors.append(rows)
  }

  /// All rows under one another.
  func joined() -> Tensor {
    var all = Tensor(rows: count, columns: columns)
    var start = 0
    for index in tensors.indices {
      all.setRows(from: start, tensors[index])
      start += tensors[index].rows
    }
    return all
  }
}
