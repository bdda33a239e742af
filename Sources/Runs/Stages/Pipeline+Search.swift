import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

extension Pipeline {
  /// The searched maps of each unit: those that are there, or searched from where the last process stopped.
  func search(_ model: RunModel, _ learned: LearnedMaps) throws -> [SearchedMaps] {
    var read: PromptedSamples?
    // What is there belongs to the scores that it began at.
    if configuration.startingScores != nil && !configuration.searchedUnits.isEmpty {
      _ = try scoreHeads(model, &read)
    }
    return try configuration.searchedUnits.map { unit in
      let result = RunResult.search(unit)
      if try result.isThere(in: files) && !isOwn(result) { try folder.remove(files.search(unit)) }
      if let maps = try SearchTable.read(files.search(unit), unit: unit, space: learned.space) {
        return maps
      }
      let state = try search(unit, model, learned, &read)
      let width = unit.perLayer(heads: learned.heads)
      let sets = (0...learned.space.globalLayers.count).compactMap {
        state.best(streaming: $0 * width)
      }
      let maps = SearchedMaps(unit: unit, space: learned.space, sets: sets)
      let text = SearchTable.text(maps)
      try folder.claim(result, inputs, texts: [text])
      try folder.write(text, to: files.search(unit))
      try folder.remove(files.searchState(unit))
      return maps
    }
  }

  private func search(
    _ unit: MapUnit, _ model: RunModel, _ learned: LearnedMaps, _ read: inout PromptedSamples?
  ) throws -> SearchState {
    let count = unit.count(in: learned.space)
    var state =
      try searchState(unit, count: count)
      ?? SearchState(count: count, samples: configuration.search.samples)
    let (settings, identity) = (configuration.search, try searchIdentity())
    let (observer, path) = (observer, folder.path)
    let swapSizes = try swapSizes(unit, learned)
    let starts = state.removed < count ? try searchStarts(unit, model, learned, &read) : []
    var forecast = SearchForecast(
      count: count, samples: settings.samples, settings: settings, swapSizes: swapSizes,
      starts: starts.count, together: configuration.searchDeployment.phase == .decode)
    forecast.note(state)
    var (done, total) = (state.evaluations, forecast.total(state))
    var note = "\(state.removed) of \(count) \(unit) stream"
    let judge = try judge(unit, model, &read) {
      done += 1
      // There is more to come, whatever was forecast.
      if done >= total {
        total = done + 1
        observer.stepExpects(total)
      }
      observer.stepAdvanced(to: done, note: note)
      if observer.isInterrupted { throw RunError.interrupted(folder: path) }
    }
    observer.stepBegan("search", unit: "evaluations", done: done, total: total)
    let search = MapSearch(
      judge: judge, settings: settings, swapSizes: swapSizes, starts: starts)
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

  /// What each layer gains alone in the deployment that maps are searched for, from the file or on the search's
  /// samples.
  func restoration(_ model: RunModel) throws -> LayerRestoration {
    var read: PromptedSamples?
    return try restoration(model, &read)
  }

  /// The same, where the samples are `read` for whoever comes next.
  func restoration(
    _ model: RunModel, _ read: inout PromptedSamples?
  ) throws -> LayerRestoration {
    let space = MapSpace(model.decoder.configuration)
    if try RunResult.restoration.isThere(in: files) && !isOwn(.restoration) {
      try folder.remove(files.restoration)
    }
    if RunResult.restoration.isThere(in: files) {
      return try LayerRestoration(contentsOf: files.restoration, space)
    }
    let total = space.globalLayers.count * configuration.search.samples
    let (observer, path) = (observer, folder.path)
    var done = 0
    let judge = try judge(.layers, model, &read) {
      done += 1
      observer.stepAdvanced(to: min(done, total), note: "")
      if observer.isInterrupted { throw RunError.interrupted(folder: path) }
    }
    observer.stepBegan("one layer back", unit: "layers × samples", done: 0, total: total)
    let found = try LayerRestoration(space, judge: judge)
    try folder.claim(.restoration, inputs, texts: [found.text])
    try folder.write(found.text, to: files.restoration)
    return found
  }

  /// What measures a set: by its whole pass or, where maps stream after the prompt alone, by what follows it.
  ///
  /// Prompts that were read for another judge of the search are not read again: `read` holds them.
  private func judge(
    _ unit: MapUnit, _ model: RunModel, _ read: inout PromptedSamples?,
    onEach: @escaping () throws -> Void
  ) throws -> any LossJudge {
    let samples = try configuration.searchSamples(model.tokenizer)
    let own = ranks.map { ranks in
      samples.indices.filter { ranks.owner(of: $0) == 0 }.map { samples[$0] }
    }
    let (observer, path) = (observer, folder.path)
    let check = { if observer.isInterrupted { throw RunError.interrupted(folder: path) } }
    let meter = JudgeMeter(check: check, onEach: onEach)
    let isRead = read != nil
    if !isRead {
      observer.stepBegan("read", unit: "samples", done: 0, total: (own ?? samples).count)
    }
    try ranks?.beginJudging(unit)
    let judge = try configuration.judge(
      unit, model.decoder, own ?? samples, folder: folder.path, &read,
      onRead: { read in
        observer.stepAdvanced(to: read, note: "")
        try check()
      }, onEach: meter.each)
    let reread = try ranks?.awaitJudges(check: check) ?? 0
    if !isRead, let read { warn(of: read, besides: reread, of: samples.count) }
    guard let ranks else { return judge }
    return SpreadJudge(
      ranks, unit: unit, loss: configuration.search.loss, samples: samples.count, own: judge,
      meter: meter)
  }

  /// Says that prompts are read again and again, those of `samples` here and some of other ranks, and what helps.
  private func warn(of prompted: PromptedSamples, besides others: Int, of samples: Int) {
    let reread = prompted.reread + others
    guard reread > 0 else { return }
    let smaller =
      configuration.search.prompts == .float32 ? ", or set search.prompts: bfloat16" : ""
    let advice =
      switch prompted.shortage {
      case .budget: "raise compute.memory_budget or compute.prompt_files\(smaller)"
      case .noFile: "no file for them can be made in \(folder.path); make room there\(smaller)"
      case .disk: "the disk of \(folder.path) is full; make room there\(smaller)"
      }
    observer.warn(
      "the prompts of \(reread) of \(samples) samples find no room and are read again for each "
        + "round; \(advice)")
  }

  /// The sizes at which swaps are tried, in streaming units.
  private func swapSizes(_ unit: MapUnit, _ learned: LearnedMaps) throws -> Set<Int> {
    let width = unit.perLayer(heads: learned.heads)
    return Set(
      try configuration.searchSparsities.map {
        try Sparsity.streaming(of: learned.space.globalLayers.count, at: $0) * width
      })
  }

  /// The maps of `search.starts` at the sizes where swaps are tried; a run without gates has no rankings.
  private func searchStarts(
    _ unit: MapUnit, _ model: RunModel, _ learned: LearnedMaps, _ read: inout PromptedSamples?
  ) throws -> [[Bool]] {
    let sparsities = configuration.search.swapRounds > 0 ? configuration.searchSparsities : []
    guard !sparsities.isEmpty else { return [] }
    var sets: [[Bool]] = []
    for start in configuration.search.starts {
      sets += try searchStarts(start, unit, model, learned, sparsities, &read)
    }
    return sets
  }

  private func searchStarts(
    _ start: SearchStart, _ unit: MapUnit, _ model: RunModel, _ learned: LearnedMaps,
    _ sparsities: [Double], _ read: inout PromptedSamples?
  ) throws -> [[Bool]] {
    switch start {
    case .rankings:
      guard let gates = learned.gates else { return [] }
      return try sparsities.flatMap { try rankedStarts(unit, gates, sparsity: $0) }
    case .scores:
      return try scoredGates(model).flatMap { _, gates in
        try sparsities.flatMap { try rankedStarts(unit, gates, sparsity: $0) }
      }
    case .periodic:
      return try layerStarts(unit, learned, sparsities) { streaming in
        [Baseline.periodicFirst, .periodicLast].compactMap {
          $0.retrievalLayers(of: learned.space.globalLayers.count, streaming: streaming)
        }
      }
    case .oneLayerBack:
      let restoration = try restoration(model, &read)
      return try layerStarts(unit, learned, sparsities) { streaming in
        [false, true].map {
          restoration.retrievalLayers(
            learned.space.globalLayers.count - streaming, byLikelihood: $0)
        }
      }
    }
  }

  private func rankedStarts(
    _ unit: MapUnit, _ gates: GateMatrix, sparsity: Double
  ) throws -> [[Bool]] {
    let maps =
      switch unit {
      case .layers:
        try configuration.ranking.criteria.filter { $0 != .search }.map {
          try gates.layerMap(by: $0, sparsity: sparsity).heads(keyValueHeads: gates.heads)
        }
      case .heads: [try gates.headCut(likeLayersAt: sparsity)]
      }
    return maps.map { unit.kept(of: $0, in: gates.space) }
  }

  /// Sets of whole global layers as sets of units.
  private func layerStarts(
    _ unit: MapUnit, _ learned: LearnedMaps, _ sparsities: [Double],
    layers: (_ streaming: Int) throws -> [[Bool]]
  ) throws -> [[Bool]] {
    let width = unit.perLayer(heads: learned.heads)
    return try sparsities.flatMap { sparsity in
      try layers(Sparsity.streaming(of: learned.space.globalLayers.count, at: sparsity)).map {
        kept in
        kept.flatMap { Array(repeating: $0, count: width) }
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
        "the search of \(unit) that was begun is of another model, other gates, texts or settings, or "
          + "of an earlier version, so that it is begun again")
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
    // How sets race changes which are found.
    let rule = configuration.searchDeployment.phase == .decode ? ", halving" : ""
    let hashes = configuration.searchTextFiles.map { record.texts?[$0] ?? "unknown" }
    let texts = hashes.isEmpty ? "" : ", files \(hashes.joined(separator: " "))"
    let scores =
      configuration.startingScores.map { choice in
        let hashes = configuration.scores.methods.map { files[.headScores($0)] }
          .map { TextFile.sha256(of: $0) ?? "unknown" }
        return ", scores \(choice) \(hashes.joined(separator: " "))"
      } ?? ""
    return "\(try checkpointIdentity()), search \(settings)\(rule)\(texts)\(scores), "
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

extension RunConfiguration {
  /// How many maps `search.starts` names for a search of `unit`.
  func searchStarts(_ unit: MapUnit) -> Int {
    guard search.swapRounds > 0 else { return 0 }
    let rankings = unit == .heads ? 1 : ranking.criteria.count { $0 != .search }
    let each = search.starts.map { start in
      switch start {
      case .rankings: calibration == nil ? 0 : rankings
      case .scores: rankings * scores.methods.count
      case .periodic, .oneLayerBack: 2
      }
    }
    return searchSparsities.count * each.reduce(0, +)
  }

  /// What measures sets of `unit`s on samples: by their whole pass or, where maps stream after the prompt alone, by
  /// what follows it.
  ///
  /// Prompts that were `read` for another judge of the search are not read again; a file of them lies in `folder`.
  func judge(
    _ unit: MapUnit, _ decoder: DecoderModel, _ samples: [TaskSample], folder: String,
    _ read: inout PromptedSamples?, onRead: (Int) throws -> Void,
    onEach: @escaping () throws -> Void
  ) throws -> any LossJudge {
    let deployment = searchDeployment
    let budget = compute.memoryBudget.byteCount
    guard deployment.phase == .decode else {
      return try MapJudge(
        decoder, samples: samples,
        question: MapJudge.Question(
          unit: unit, loss: search.loss, rows: search.rows, deployment: deployment),
        byteBudget: budget, onRead: onRead, onEach: onEach)
    }
    let prompted =
      try read
      ?? PromptedSamples(
        decoder, samples, judged: search.rows, deployment: deployment,
        prompts: PromptSettings(
          byteBudget: budget, storage: search.prompts, fileBudget: compute.promptFiles.byteCount,
          folder: folder),
        onRead: onRead)
    read = prompted
    return PromptedJudge(prompted, unit: unit, loss: search.loss, onEach: onEach)
  }
}
