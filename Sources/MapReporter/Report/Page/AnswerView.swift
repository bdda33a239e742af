import Support

/// The top of the page: which map to use, what it keeps and what it saves, in words.
struct AnswerView {
  struct Tile {
    let value: String
    let label: String
  }

  let headline: String
  let sentence: String
  /// What may stream in the other deployments, a line each.
  let elsewhere: [String]
  let tiles: [Tile]
  let hasTiles: Bool
  let strip: String?
  let layers: String?
  let map: PageView.Link?
  let folder: PageView.Link?
  let command: String?

  init(_ figures: ReportFigures, theme: FigureTheme) {
    let input = figures.input
    let words = AnswerWords(input: input, map: figures.recommendedMap?.map)
    switch figures.recommendation {
    case .qualified(let choice):
      headline = words.headline(choice)
      sentence = words.sentence(choice)
      tiles = words.tiles(choice)
    case .closest(let choice):
      headline = words.noneHeadline(choice)
      sentence = words.apology(choice)
      tiles = words.tiles(choice)
    case .unknown:
      headline = "Nothing to recommend yet"
      sentence = words.unknown
      tiles = []
    }
    hasTiles = !tiles.isEmpty
    elsewhere = DeploymentTable(input).lines
    strip = figures.layers(theme: theme)?.svg
    layers = figures.recommendedMap?.map.layerFull.map(AnswerWords.layerList)
    map = figures.recommendedMap?.path.map { path in
      PageView.Link(path: PageView.relative(path), name: path, summary: "")
    }
    folder = input.recommendedFolder.map { path in
      PageView.Link(path: PageView.relative(path), name: path, summary: "")
    }
    command = input.exportCommand
  }
}

/// Sentences about a recommended point.
struct AnswerWords {
  let input: ReportInput
  let map: HeadMap?

  typealias Choice = Recommendation.Choice

  func headline(_ choice: Choice) -> String {
    guard let kinds = map?.layerFull else {
      return "\(shortPercent(choice.point.achievedSparsity)) of the \(input.layerName) can stream"
    }
    let kept = kinds.count(where: { $0 })
    let count = map?.model.space.globalLayers.count ?? kinds.count
    return "\(count - kept) of \(count) \(input.layerName) can stream"
  }

  func noneHeadline(_ choice: Choice) -> String {
    let verb = choice.keptShare >= input.keptShare ? "surely kept" : "kept"
    return "No layer map \(verb) \(percent(input.keptShare)) of full attention’s accuracy"
  }

  func sentence(_ choice: Choice) -> String {
    "With the layers that \(chooser(choice)) chooses at \(sparsity(choice)) sparsity, the model keeps "
      + "\(percent(choice.keptShare, digits: 1)) of full attention’s \(metricName): \(scores(choice))\(difference(choice))\(saving(choice)). It is the sparsest "
      + "layer map that keeps at least \(percent(input.keptShare)) even at the lower end of that "
      + "interval.\(price(choice))\(chance(choice)) \(evidence(choice))"
  }

  func apology(_ choice: Choice) -> String {
    "At none of the sparsities tried did a layer-exclusive map surely keep at least "
      + "\(percent(input.keptShare)) of full attention’s \(metricName): the lower end of the paired "
      + "95\u{a0}% interval lies below it. The closest is "
      + "\(method(choice).lowercasedFirst) with \(percent(choice.keptShare, digits: 1)): "
      + "\(scores(choice))\(difference(choice))\(saving(choice)).\(lackOfSamples(choice)) \(evidence(choice))"
  }

  /// Why nothing could qualify on so few samples, and how many it takes.
  private func lackOfSamples(_ choice: Choice) -> String {
    choice.lackOfSamples(toKeep: input.keptShare).map { " \($0.capitalizedFirst)." } ?? ""
  }

  var unknown: String {
    let full = input.points.first { $0.task == input.primaryTask && $0.method == .full }
    guard let full else {
      return
        "Full attention was not scored on \(input.primaryTask), so there is nothing to measure "
        + "a map against."
    }
    if full.estimate(input.primaryMetric)?.value == 0 {
      return
        "Full attention itself has nothing right on \(input.primaryTask) (\(metricName)), so there is "
        + "nothing that a map could keep: measure an easier task, or by another metric."
    }
    return
      "No layer-exclusive map of this run was scored on \(input.primaryTask), so there is nothing to "
      + "choose from. Maps from elsewhere are compared below, and not chosen among."
  }

  func tiles(_ choice: Choice) -> [AnswerView.Tile] {
    var tiles = [
      AnswerView.Tile(
        value: percent(choice.keptShare, digits: 1), label: "of full attention’s accuracy"),
      AnswerView.Tile(
        value: shortPercent(choice.point.achievedSparsity),
        label: "of the \(input.layerName) stream"),
    ]
    if let map, !map.model.space.isWhole {
      tiles.append(
        AnswerView.Tile(
          value: shortPercent(map.sparsity.achieved),
          label: "of all layers stream, those with windows of their own among them"))
    }
    if let saved = savedShare(choice) {
      tiles.append(
        AnswerView.Tile(
          value: percent(saved), label: "of the KV cache saved at \(grouped(input.context)) tokens")
      )
    }
    return tiles
  }

  /// The retrieval layers as text, for those who cannot see the strip.
  static func layerList(_ kinds: [Bool]) -> String {
    let full = kinds.indices.filter { kinds[$0] }.map(String.init)
    return full.isEmpty ? "none" : full.joined(separator: ", ")
  }

  private func method(_ choice: Choice) -> String {
    "\(choice.point.method.title) at \(sparsity(choice))"
  }

  private func sparsity(_ choice: Choice) -> String {
    askedSparsity(choice.point.requestedSparsity, possible: choice.point.achievedSparsity)
  }

  /// The criterion, such as `max`.
  private func chooser(_ choice: Choice) -> String {
    guard case .layers(let criterion) = choice.point.method else {
      return choice.point.method.title
    }
    return "\(criterion)"
  }

  private var metricName: String { input.primaryMetric.title.lowercasedFirst }

  private func scores(_ choice: Choice) -> String {
    let accuracy = choice.accuracy
    return "\(percent(accuracy.value, digits: 1)) (95\u{a0}% interval "
      + "\(accuracy.range(by: " to ") { fixed($0 * 100, 1) }) over "
      + "\(sampleWords([choice.point.samples]))) against "
      + "\(percent(choice.full.value, digits: 1)) on \(input.primaryTask)"
  }

  private func difference(_ choice: Choice) -> String {
    choice.minusFull.map {
      ", a difference of \(signed($0.value)) points (paired 95\u{a0}% interval \(signed($0.low)) to "
        + "\(signed($0.high)))"
    } ?? ""
  }

  /// What whole layers cost against single heads at the same size of the cache.
  private func price(_ choice: Choice) -> String {
    choice.minusHeadMixed.map {
      " Against single heads with the same cache the difference is \(signed($0.value)) points "
        + "(\(signed($0.low)) to \(signed($0.high)))."
    } ?? ""
  }

  private func saving(_ choice: Choice) -> String {
    savedShare(choice).map {
      ", and saves \(percent($0)) of the KV cache at \(grouped(input.context)) tokens"
    } ?? ""
  }

  /// From the map at the stated length, else from the bytes that were measured.
  private func savedShare(_ choice: Choice) -> Double? {
    if let map {
      return KeyValueCacheSize.savedShare(
        map.heads, map.window.deployment, own: map.model.ownWindows, context: input.context)
    }
    let full = input.points.first {
      $0.task == choice.point.task && $0.method == .full
    }
    guard let bytes = choice.point.kvBytes, let fullBytes = full?.kvBytes, fullBytes > 0 else {
      return nil
    }
    return 1 - Double(bytes) / Double(fullBytes)
  }

  /// What random layers reach at the same sparsity, where they were tried.
  private func chance(_ choice: Choice) -> String {
    let draws = input.points.filter { point in
      point.task == choice.point.task && point.method == .random(of: "layers")
        && abs(point.requestedSparsity - choice.point.requestedSparsity) < 1e-9
    }.compactMap { $0.estimate(input.primaryMetric)?.value }.sorted()
    guard !draws.isEmpty else { return "" }
    let median = percent(Bootstrap.quantile(0.5, of: draws), digits: 1)
    return draws.count == 1
      ? " Random layers at the same sparsity reach \(median)."
      : " Random layers at the same sparsity reach \(median), the median of \(draws.count) draws."
  }

  private func evidence(_ choice: Choice) -> String {
    let judgesTokens = [.tokens, .firstTokens].contains(input.primaryMetric)
    return "Measured on \(input.sampleWords(choice.point.samples))"
      + (judgesTokens ? ", \(grouped(choice.point.tokens)) tokens." : ".")
  }
}

extension String {
  /// The same words at the beginning of a sentence.
  package var uppercasedFirst: String { prefix(1).uppercased() + dropFirst() }

  /// The same words inside a sentence.
  var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
