import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

extension Pipeline {
  /// The searched maps of each unit: those that are there, or searched from where the last process stopped.
  func search(_ model: RunModel, _ learned: LearnedMaps) throws -> [SearchedMaps] {
    try configuration.searchedUnits.map { unit in
      let (layers, heads) = (learned.layers, learned.heads)
      let result = RunResult.search(unit)
      if try result.isThere(in: files) && !isOwn(result) { try folder.remove(files.search(unit)) }
      if let maps = try SearchTable.read(
        files.search(unit), unit: unit, layers: layers, heads: heads)
      {
        return maps
      }
      let state = try search(unit, model, learned)
      let width = unit.perLayer(heads: heads)
      let sets = (0...layers).compactMap { state.best(streaming: $0 * width) }
      let maps = SearchedMaps(unit: unit, layers: layers, heads: heads, sets: sets)
      let text = SearchTable.text(maps)
      try folder.claim(result, inputs, texts: [text])
      try folder.write(text, to: files.search(unit))
      try folder.remove(files.searchState(unit))
      return maps
    }
  }

  private func search(
    _ unit: MapUnit, _ model: RunModel, _ learned: LearnedMaps
  ) throws -> SearchState {
    let count = learned.layers * unit.perLayer(heads: learned.heads)
    var state =
      try searchState(unit, count: count)
      ?? SearchState(count: count, samples: configuration.search.samples)
    let (settings, identity) = (configuration.search, try searchIdentity())
    let (observer, path) = (observer, folder.path)
    let swapSizes = try swapSizes(unit, learned)
    var forecast = SearchForecast(
      count: count, samples: settings.samples, settings: settings, swapSizes: swapSizes)
    forecast.note(state)
    var (done, total) = (state.evaluations, forecast.total(state))
    var note = "\(state.removed) of \(count) \(unit) stream"
    observer.stepBegan("search", unit: "evaluations", done: done, total: total)
    let judge = try judge(unit, model) {
      done += 1
      // There is more to come, whatever was forecast.
      if done >= total {
        total = done + 1
        observer.stepExpects(total)
      }
      observer.stepAdvanced(to: done, note: note)
      if observer.isInterrupted { throw RunError.interrupted(folder: path) }
    }
    let search = MapSearch(
      judge: judge, settings: settings, swapSizes: swapSizes,
      starts: try learned.gates.map { try searchStarts(unit, $0) } ?? [])
    try search.run(&state) { state in
      let stored = StoredSearch(identity: identity, state: state)
      try folder.write(stored.json(), to: files.searchState(unit))
      forecast.note(state)
      (done, note) = (state.evaluations, "\(state.removed) of \(count) \(unit) stream")
      total = state.removed == count ? done : max(forecast.total(state), done + 1)
      observer.stepExpects(total)
      observer.stepAdvanced(to: done, note: note)
      return true
    }
    observer.report(
      "searched the \(unit): \(state.evaluations) evaluations, \(state.measured) maps on all of "
        + "\(judge.samples) samples")
    return state
  }

  /// What measures a set: by its whole pass or, where maps stream after the prompt alone, by what follows it.
  func judge(
    _ unit: MapUnit, _ model: RunModel, loss: MapLoss? = nil,
    onEach: @escaping () throws -> Void
  ) throws -> any SetJudge {
    let (settings, deployment) = (configuration.search, configuration.searchDeployment)
    let samples = try configuration.searchSamples(model.tokenizer)
    let question = MapJudge.Question(
      unit: unit, loss: loss ?? settings.loss, rows: settings.rows, deployment: deployment)
    let budget = configuration.compute.memoryBudget.byteCount
    guard deployment.phase == .decode else {
      return MapJudge(
        model.decoder, samples: samples, question: question, byteBudget: budget, onEach: onEach)
    }
    return try PromptedJudge(
      model.decoder, samples: samples, question: question,
      prompts: PromptSettings(byteBudget: budget, storage: settings.prompts), onEach: onEach)
  }

  /// The sizes at which swaps are tried, in streaming units.
  private func swapSizes(_ unit: MapUnit, _ learned: LearnedMaps) throws -> Set<Int> {
    let width = unit.perLayer(heads: learned.heads)
    return Set(
      try configuration.searchSparsities.map {
        try Sparsity.streaming(of: learned.layers, at: $0) * width
      })
  }

  /// The rankings' maps at the sizes where swaps are tried; a run without gates has none.
  private func searchStarts(_ unit: MapUnit, _ gates: GateMatrix) throws -> [[Bool]] {
    let sparsities = configuration.search.swapRounds > 0 ? configuration.searchSparsities : []
    return try sparsities.flatMap { sparsity in
      switch unit {
      case .layers:
        try configuration.ranking.criteria.filter { $0 != .search }.map {
          try gates.layerMap(by: $0, sparsity: sparsity).isRetrievalLayer
        }
      case .heads: [Array(try gates.headCut(likeLayersAt: sparsity).rows.joined())]
      }
    }
  }

  /// The stored state, or nil where there is none or it is of another search: it is begun again then.
  private func searchState(_ unit: MapUnit, count: Int) throws -> SearchState? {
    guard let stored = StoredSearch(reading: files.searchState(unit)) else { return nil }
    guard
      try stored.identity == searchIdentity() || formerSearchIdentities().contains(stored.identity)
    else {
      observer.report(
        "the search of \(unit) that was begun is of another model, other gates, texts or settings, so that "
          + "it is begun again")
      return nil
    }
    guard stored.state.isSearch(of: count, samples: configuration.search.samples) else {
      return nil
    }
    observer.report("the search continues after \(stored.state.removed) \(unit)")
    return stored.state
  }

  /// What a stored search belongs to.
  private func searchIdentity() throws -> String {
    let settings = try configuration.hash { try $0.searchSettings() }
    return "\(try checkpointIdentity()), search \(settings), "
      + "gates \(TextFile.sha256(of: files.gates) ?? "unknown")"
  }

  /// What earlier versions wrote.
  private func formerSearchIdentities() throws -> [String] {
    let checkpoints = try formerCheckpointIdentities()
    let settings = sha256(of: settingsText(try configuration.searchSettings()))
    let former = try configuration.formerHash { try $0.searchSettings() }
    return [
      "\(checkpoints[0]), search \(settings)",
      "\(checkpoints[1]), search \(former), gates \(TextFile.sha256(of: files.gates) ?? "unknown")",
    ]
  }
}
