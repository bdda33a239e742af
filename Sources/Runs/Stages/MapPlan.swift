import GateOptimizer
import MapReporter
import Transformer

/// One point of a curve before it is measured: a map, and which method and sparsity it stands for.
package struct PlannedMap: Sendable {
  /// The method as curves.csv names it.
  package let method: CurveMethod
  /// Seed of a random map.
  package let seed: Int?
  /// The share of streaming heads or layers asked for.
  package let requestedSparsity: Double
  /// Which heads see the whole context.
  package let heads: HeadSet

  /// The share of the heads that maps decide on that stream.
  package let achievedSparsity: Double

  /// Whether it is measured whatever sparsities a task asks for.
  fileprivate var isReference: Bool {
    switch method {
    case .full, .streaming, .imported(_, nil): true
    default: false
    }
  }
}

/// What maps of an evaluation are made of.
package struct MapSources: Sendable {
  /// The learned gates, if there are any, and the maps that were searched.
  let learned: LearnedMaps
  /// 1 − the share of attention that falls on what a streaming head sees, (L, K); nil where no baseline
  /// needs it.
  package let remoteness: GateMatrix?
  /// What each layer gains alone; nil where no baseline needs it.
  package let restoration: LayerRestoration?
  /// Gates and maps from elsewhere, by name.
  let imported: [(name: String, map: ImportedMap, criteria: [Criterion]?)]
  /// Gates by the scores of heads, each with its method.
  let scored: [(method: ScoreMethod, gates: GateMatrix)]
  /// What their readers decided, a sentence without an end each.
  let notes: [String]

  /// Gates or searched maps, with what else there is; `model` is the one they are measured on, which scores of heads
  /// are read for.
  ///
  /// - Throws: what ``ImportedMapSettings``' files are refused with.
  package init(
    _ learned: LearnedMaps, remoteness: GateMatrix? = nil, restoration: LayerRestoration? = nil,
    imported: [ImportedMapSettings] = [], model: HeadMap.Model? = nil,
    scored: [(method: ScoreMethod, gates: GateMatrix)] = []
  ) throws {
    self.scored = scored
    self.learned = learned
    self.remoteness = remoteness
    self.restoration = restoration
    let files = try imported.map { try $0.read(for: learned.space, model) }
    notes = files.flatMap(\.notes)
    self.imported = zip(imported, files).map { ($0.name, $1.content, $0.criteria) }
  }
}

extension ImportedMapSettings {
  /// Reads the file.
  ///
  /// - Throws: as `ImportedFile`, and `FileError` where criteria would judge a finished map.
  func read(for space: MapSpace, _ model: HeadMap.Model?) throws -> ImportedFile {
    let read = try ImportedFile(
      file, model: model, space: space, grouping: group, for: .measuring(kind))
    if case .gates = read.content { return read }
    guard criteria == nil else {
      throw FileError.invalid(
        path: read.path, place: "the entry \(name) of evaluation.maps",
        expected: "no criteria, since the file holds a finished map", found: "criteria",
        fix: "leave them out, or say kind: gates where the file is a table of gates")
    }
    return read
  }
}

/// All maps of an evaluation, in the order of curves.csv.
package struct MapPlan: Sendable {
  private let space: MapSpace
  /// The maps; several may have the same heads, which then are measured once.
  package private(set) var maps: [PlannedMap] = []

  /// The maps that `settings` ask for: both ends, then every method at every sparsity.
  ///
  /// Head-mixed maps stream as many heads as the layer maps of the same sparsity, so that the two are
  /// compared at one size of the KV cache.
  ///
  /// - Throws: `GateOptimizerError` where a criterion cannot judge these gates.
  package init(
    _ sources: MapSources, settings: EvaluationSettings
  ) throws(GateOptimizerError) {
    let learned = sources.learned
    space = learned.space
    for (method, isFull) in [(CurveMethod.full, true), (.streaming, false)] {
      addLayers(
        method, isFull ? 0 : 1, space.globalLayers.map { _ in isFull })
    }
    for sparsity in settings.sparsities {
      if let gates = learned.gates { try addHeads(of: gates, sparsity) { $0 } }
      for maps in learned.searched
      where maps.unit == .heads || settings.criteria.contains(.search) {
        try addSearched(maps, sparsity) { $0 }
      }
      if let gates = learned.gates {
        try addLayers(of: gates, by: settings.criteria, sparsity) { $0 }
      }
    }
    let sparsities = settings.randomSparsities ?? settings.sparsities
    for sparsity in sparsities { try addRandom(learned, settings, sparsity) }
    for baseline in settings.baselines {
      for sparsity in sparsities { try add(baseline, sources, sparsity) }
    }
    for (scores, gates) in sources.scored {
      for sparsity in settings.sparsities {
        try addScored(gates, by: scores, settings.criteria, sparsity)
      }
    }
    for (name, map, criteria) in sources.imported {
      func imported(_ method: CurveMethod) -> CurveMethod {
        .imported(name: name, method: method)
      }
      switch map {
      case .map(let heads):
        add(.imported(name: name, method: nil), space.sparsity(of: heads), heads)
      case .gates(let gates):
        for sparsity in settings.sparsities {
          if criteria == nil { try addHeads(of: gates, sparsity, name: imported) }
          try addLayers(
            of: gates, by: criteria ?? settings.criteria, sparsity, name: imported)
        }
      case .searched(let maps):
        for sparsity in settings.sparsities { try addSearched(maps, sparsity, name: imported) }
      }
    }
  }

  /// The maps that `task` is measured with.
  package func maps(for task: EvaluationTask) -> [PlannedMap] {
    maps.filter { map in
      map.isReference
        || task.sparsities?.contains(map.requestedSparsity) ?? true
          && map.method.isMeasured(with: task.criteria)
    }
  }

  /// The different sets of heads of `task`, in the order they first appear.
  package func heads(for task: EvaluationTask) -> [HeadSet] {
    maps(for: task).map(\.heads).distinct
  }

  /// The head-mixed map of gates, its method named by `name`.
  private mutating func addHeads(
    of gates: GateMatrix, _ sparsity: Double, name: (CurveMethod) -> CurveMethod
  ) throws(GateOptimizerError) {
    add(name(.headMixed), sparsity, try gates.headCut(likeLayersAt: sparsity))
  }

  /// The maps of scores: of single heads, where heads of a layer differ, and of layers by every criterion.
  private mutating func addScored(
    _ gates: GateMatrix, by scores: ScoreMethod, _ criteria: [Criterion], _ sparsity: Double
  ) throws(GateOptimizerError) {
    func name(_ method: CurveMethod) -> CurveMethod { .scored(scores, method) }
    // A score of whole layers ranks them alone, and by all criteria alike.
    guard scores.ranksHeads else {
      return try addLayers(of: gates, by: [.max], sparsity, name: name)
    }
    try addHeads(of: gates, sparsity, name: name)
    try addLayers(of: gates, by: criteria, sparsity, name: name)
  }

  private mutating func addSearched(
    _ maps: SearchedMaps, _ sparsity: Double, name: (CurveMethod) -> CurveMethod
  ) throws(GateOptimizerError) {
    add(name(.searched(maps.unit)), sparsity, try maps.retrievalHeads(sparsity: sparsity))
  }

  /// The layer maps of gates by every criterion that ranks them.
  private mutating func addLayers(
    of gates: GateMatrix, by criteria: [Criterion], _ sparsity: Double,
    name: (CurveMethod) -> CurveMethod
  ) throws(GateOptimizerError) {
    for criterion in criteria where criterion != .search {
      let map = try gates.layerMap(by: criterion, sparsity: sparsity)
      add(name(.layers(criterion)), sparsity, map.heads(keyValueHeads: gates.heads))
    }
  }

  private mutating func addRandom(
    _ learned: LearnedMaps, _ settings: EvaluationSettings, _ sparsity: Double
  ) throws(GateOptimizerError) {
    for seed in settings.randomLayerSeeds {
      let kept = try RankedMap.randomLayers(
        space.globalLayers.count, sparsity: sparsity, seed: UInt64(bitPattern: Int64(seed)))
      addLayers(.random(of: "layers"), seed: seed, sparsity, kept)
    }
    for seed in settings.randomHeadSeeds {
      let heads = try HeadSet.random(
        space, sparsity: sparsity, seed: UInt64(bitPattern: Int64(seed)))
      add(.random(of: "heads"), seed: seed, sparsity, heads)
    }
  }

  private mutating func add(
    _ baseline: Baseline, _ sources: MapSources, _ sparsity: Double
  ) throws(GateOptimizerError) {
    let layers = space.globalLayers.count
    let streaming = try Sparsity.streaming(of: layers, at: sparsity)
    if let kept = baseline.retrievalLayers(of: layers, streaming: streaming) {
      addLayers(.baseline(baseline), sparsity, kept)
    } else if baseline.needsRestoration {
      guard let restoration = sources.restoration else { return }
      let kept = restoration.retrievalLayers(
        layers - streaming, byLikelihood: baseline == .oneLayerBackLikelihood)
      addLayers(.baseline(baseline), sparsity, kept)
    } else if let remoteness = sources.remoteness {
      let map = try remoteness.layerMap(by: .balance, sparsity: sparsity)
      add(.baseline(baseline), sparsity, map.heads(keyValueHeads: space.heads))
    }
  }

  /// The map that keeps the global layers that are true in `retrieval`.
  private mutating func addLayers(
    _ method: CurveMethod, seed: Int? = nil, _ sparsity: Double, _ retrieval: [Bool]
  ) {
    add(method, seed: seed, sparsity, space.layers(retrieval))
  }

  private mutating func add(
    _ method: CurveMethod, seed: Int? = nil, _ sparsity: Double, _ heads: HeadSet
  ) {
    maps.append(
      PlannedMap(
        method: method, seed: seed, requestedSparsity: sparsity, heads: heads,
        achievedSparsity: space.sparsity(of: heads)))
  }
}
