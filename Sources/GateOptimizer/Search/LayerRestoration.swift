import Support

/// What each layer gains when it alone sees the whole context: the competitor's ranking (NLL-guided selection, arXiv
/// 2606.27791), which puts one layer of an all-streaming model back at a time and keeps those that gain most.
package struct LayerRestoration: Sendable, Equatable {
  /// The mean loss over the samples where layer l alone retrieves, (L), by KL divergence from full attention.
  package let divergence: [Double]
  /// The same by negative log-likelihood.
  package let likelihood: [Double]

  /// The losses of every layer by both, (L) each.
  package init(divergence: [Double], likelihood: [Double]) {
    self.divergence = divergence
    self.likelihood = likelihood
  }

  /// Measures `layers` layers, each on all samples.
  ///
  /// - Parameters:
  ///   - layers: L.
  ///   - judge: A judge of whole layers.
  /// - Throws: ``GateOptimizerError/mapLoss(sample:)`` for a loss that is no number; what the judge throws.
  package init(layers: Int, judge: any LossJudge) throws {
    judge.rebase(Array(repeating: false, count: layers))
    let trials = (0..<layers).flatMap { layer in
      (0..<judge.samples).map { sample in
        SetTrial(kept: (0..<layers).map { $0 == layer }, sample: sample)
      }
    }
    let found = try judge.losses(of: trials, by: [.divergence, .likelihood])
    for (trial, losses) in zip(trials, found) where !losses.allSatisfy(\.isFinite) {
      throw GateOptimizerError.mapLoss(sample: trial.sample)
    }
    func means(_ kind: Int) -> [Double] {
      (0..<layers).map { layer in
        let own = found[layer * judge.samples..<(layer + 1) * judge.samples]
        return own.reduce(0) { $0 + $1[kind] } / Double(own.count)
      }
    }
    self.init(divergence: means(0), likelihood: means(1))
  }

  /// The `count` layers that gain most by a loss, as flags (L); of equals the lower ones.
  package func retrievalLayers(_ count: Int, byLikelihood: Bool) -> [Bool] {
    let losses = byLikelihood ? likelihood : divergence
    let kept = Set(
      losses.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }.prefix(count))
    return losses.indices.map(kept.contains)
  }

  private static let columns = ["layer", "kl", "nll"]

  /// The table as text.
  package var text: String {
    CommaSeparated.line(Self.columns)
      + divergence.indices.map {
        CommaSeparated.line(["\($0)", "\(divergence[$0])", "\(likelihood[$0])"])
      }.joined()
  }

  /// Reads a table of `layers` layers.
  ///
  /// - Throws: `FileError` naming line and column of what is wrong.
  package init(contentsOf path: String, layers: Int) throws(FileError) {
    let text = try TextFile.text(at: path, what: "table", limit: FileLimit.table)
    var (divergence, likelihood): ([Double], [Double]) = ([], [])
    for row in try CommaSeparatedRow.read(text, path: path) {
      let layer = try row.integer("layer")
      guard layer == divergence.count, layer < layers else {
        throw row.wrong("layer", "0 to \(layers - 1) in their order", "\(layer)")
      }
      divergence.append(try row.number("kl"))
      likelihood.append(try row.number("nll"))
    }
    guard divergence.count == layers else {
      throw .invalid(
        path: path, place: "the end", expected: "\(layers) layers", found: "\(divergence.count)")
    }
    self.init(divergence: divergence, likelihood: likelihood)
  }
}
