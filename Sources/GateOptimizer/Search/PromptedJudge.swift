import BasicContainers
import Transformer

/// Samples whose prompts are read, and what full attention says of them: what judges of any unit and loss ask.
package final class PromptedSamples {
  let decoder: DecoderModel
  let space: MapSpace
  let deployment: Deployment
  let prompts: PromptShelf
  /// Bytes that kept inputs may take.
  let inputBudget: Int
  /// For each sample which of its rows are judged.
  let rows: [[Int]]
  /// Final hidden states under full attention at these, (rows, C), and what they predict.
  private(set) var teachers = UniqueArray<Tensor>()
  private(set) var references = UniqueArray<ReferencePredictions>()

  /// Reads the prompts of `samples`.
  ///
  /// - Parameters:
  ///   - decoder: The model.
  ///   - samples: What maps are run on.
  ///   - judged: The positions that are judged.
  ///   - deployment: How maps are deployed; its phase is decode.
  ///   - settings: How prompts are kept; losses depend on how they are stored alone.
  ///   - onRead: Called after each sample's prompt is read, with the number of those that are.
  /// - Throws: What `onRead` throws.
  package init(
    _ decoder: DecoderModel, _ samples: [TaskSample], judged: MapLossRows,
    deployment: Deployment, prompts settings: PromptSettings = PromptSettings(),
    onRead: (Int) throws -> Void = { _ in }
  ) throws {
    self.decoder = decoder
    space = MapSpace(decoder.configuration)
    self.deployment = deployment
    var settings = settings
    inputBudget = settings.byteBudget / 4
    settings.byteBudget -= inputBudget
    prompts = PromptShelf(decoder, samples, deployment, settings)
    let wanted = samples.map { $0.positions(judged) }
    rows = zip(samples, wanted).map { $0.predictors(of: $1) }
    let full = AttentionPattern.full(decoder.configuration).heads
    for index in samples.indices {
      decoder.finalHidden([PromptedMap(prompts[index], full)], deployment) { _, hidden in
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
  package var count: Int { rows.count }

  /// Samples whose prompts are read again for each round, since there is no room for them.
  package var reread: Int { count - prompts.keptCount }

  /// Why there is no room.
  package var shortage: PromptShortage { prompts.shortage }

  /// For each of `trials` the loss by each of `kinds`, of its judged rows as they are under one another in `tensors`.
  func losses(
    _ trials: [SetTrial], _ tensors: borrowing UniqueArray<Tensor>, by kinds: [MapLoss]
  ) -> [[Double]] {
    let predictions =
      kinds.contains(where: \.judgesPredictions)
      ? decoder.losses(
        joined(tensors),
        places: trials.flatMap { trial in
          rows[trial.sample].indices.map { (reference: trial.sample, row: $0) }
        }, references: references) : []
    var start = 0
    var found: [[Double]] = []
    for (place, trial) in trials.enumerated() {
      let own = start..<start + rows[trial.sample].count
      start = own.upperBound
      found.append(
        kinds.map { kind in
          if kind.judgesPredictions { return kind.mean(of: predictions[own]) }
          return kind.mean(
            of: tensors[place].squaredDistances(
              to: teachers[trial.sample], rows: Array(rows[trial.sample].indices)),
            columns: decoder.configuration.hidden)
        })
    }
    return found
  }

  /// All rows under one another.
  private func joined(_ tensors: borrowing UniqueArray<Tensor>) -> Tensor {
    var count = 0
    for index in tensors.indices { count += tensors[index].rows }
    var all = Tensor(rows: count, columns: decoder.configuration.hidden)
    var start = 0
    for index in tensors.indices {
      all.setRows(from: start, tensors[index])
      start += tensors[index].rows
    }
    return all
  }
}

/// Judges sets for maps that stream after the prompt: the prompts are read once, and a set costs the rows after
/// them.
package final class PromptedJudge: LossJudge {
  private let read: PromptedSamples
  private let unit: MapUnit
  private let loss: MapLoss
  /// For each sample the map that the next ones differ little from, and those that may be the next such one.
  private var bases: [PromptedBase?]
  private var base: [Bool]?
  private var candidates: [TrialName: PromptedBase] = [:]
  private let onEach: () throws -> Void

  private struct TrialName: Hashable {
    let kept: [Bool]
    let sample: Int
  }

  /// A judge of sets of `unit`s by `loss`; `onEach` is called after each evaluation, and what it throws ends it.
  package init(
    _ samples: PromptedSamples, unit: MapUnit, loss: MapLoss,
    onEach: @escaping () throws -> Void = {}
  ) {
    read = samples
    self.unit = unit
    self.loss = loss
    self.onEach = onEach
    bases = Array(repeating: nil, count: samples.count)
  }

  private var decoder: DecoderModel { read.decoder }

  /// Number of samples.
  package var samples: Int { read.count }

  /// Many sets at a time cost less than one after the other.
  package var measuresTogether: Bool { true }

  /// Mean loss of a set over the positions of one sample, ≥ 0 up to rounding.
  package func loss(of kept: [Bool], sample: Int) throws -> Double {
    try losses(of: [SetTrial(kept: kept, sample: sample)])[0]
  }

  /// The losses of many sets, each on a sample.
  package func losses(of trials: [SetTrial]) throws -> [Double] {
    try losses(of: trials, by: [loss]).map { $0[0] }
  }

  /// The same by several losses.
  package func losses(of trials: [SetTrial], by kinds: [MapLoss]) throws -> [[Double]] {
    var found = [[Double]](repeating: [], count: trials.count)
    let groups = read.prompts.groups(of: trials.map(\.sample))
    for sample in Set(trials.map(\.sample)) { setBase(of: sample) }
    for group in groups {
      let maps = group.map { map(trials[$0].kept, sample: trials[$0].sample) }
      var waiting: [Int] = []
      var tensors = UniqueArray<Tensor>()
      var count = 0
      try decoder.finalHidden(
        maps, read.deployment, keepingInputs: keepsInputs(trials.count)
      ) { place, hidden, inputs in
        let trial = trials[group[place]]
        candidates[TrialName(kept: trial.kept, sample: trial.sample)] = inputs
        waiting.append(group[place])
        tensors.append(hidden.gathering(read.rows[trial.sample]))
        count += read.rows[trial.sample].count
        if count >= Self.rowsTogether {
          judge(waiting, tensors, trials, kinds, &found)
          waiting = []
          tensors = UniqueArray()
          count = 0
        }
        try onEach()
      }
      judge(waiting, tensors, trials, kinds, &found)
    }
    return found
  }

  private func judge(
    _ waiting: [Int], _ tensors: borrowing UniqueArray<Tensor>, _ trials: [SetTrial],
    _ kinds: [MapLoss], _ found: inout [[Double]]
  ) {
    let losses = read.losses(waiting.map { trials[$0] }, tensors, by: kinds)
    for (place, trial) in waiting.enumerated() { found[trial] = losses[place] }
  }

  private func map(_ kept: [Bool], sample: Int) -> PromptedMap {
    PromptedMap(
      read.prompts[sample], unit.heads(of: kept, in: read.space),
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
    decoder.finalHidden([map], read.deployment, keepingInputs: true) {
      bases[sample] = $2
    }
  }

  /// Whether there is room for the inputs of as many trials more, and of the bases.
  private func keepsInputs(_ trials: Int) -> Bool {
    let each = PromptedBase.bytes(
      decoder.configuration, rows: read.rows.map { ($0.last ?? 0) + 2 }.max() ?? 0)
    return (candidates.count + trials + bases.count) * each <= read.inputBudget
  }

  /// Rows whose predictions are made together.
  private static let rowsTogether = 600
}
