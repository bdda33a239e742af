import Support
import Transformer

/// What each layer gains when it alone sees the whole context: the competitor's ranking (NLL-guided selection, arXiv
/// 2606.27791), which puts one layer of an all-streaming model back at a time and keeps those that gain most.
package struct LayerRestoration: Sendable, Equatable {
  /// The global layers of the model, n.
  package let layers: [Int]
  /// The mean loss over the samples where each of ``layers`` alone retrieves, (n), by KL divergence from full
  /// attention.
  package let divergence: [Double]
  /// The same by negative log-likelihood.
  package let likelihood: [Double]

  /// The losses of every one of `layers` by both, (n) each.
  package init(layers: [Int], divergence: [Double], likelihood: [Double]) {
    self.layers = layers
    self.divergence = divergence
    self.likelihood = likelihood
  }

  /// Measures every global layer, each on all samples.
  ///
  /// - Parameters:
  ///   - space: The heads that maps decide on.
  ///   - judge: A judge of whole layers.
  /// - Throws: ``GateOptimizerError/mapLoss(sample:)`` for a loss that is no number; what the judge throws.
  package init(_ space: MapSpace, judge: any LossJudge) throws {
    let layers = space.globalLayers.count
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
    self.init(layers: space.globalLayers, divergence: means(0), likelihood: means(1))
  }

  /// The `count` layers that gain most by a loss, as flags (n); of equals the lower ones.
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
        CommaSeparated.line(["\(layers[$0])", "\(divergence[$0])", "\(likelihood[$0])"])
      }.joined()
  }

  /// Reads a table of the global layers of `space`.
  ///
  /// - Throws: `FileError` naming line and column of what is wrong.
  package init(contentsOf path: String, _ space: MapSpace) throws(FileError) {
    let layers = space.globalLayers
    let text = try TextFile.text(at: path, what: "table", limit: FileLimit.table)
    var (divergence, likelihood): ([Double], [Double]) = ([], [])
    for row in try CommaSeparatedRow.read(text, path: path) {
      let layer = try row.integer("layer")
      guard divergence.count < layers.count, layer == layers[divergence.count] else {
        throw row.wrong(
          "layer",
          "the global layers from \(layers[0]) to \(layers[layers.count - 1]) in their order",
          "\(layer)")
      }
      divergence.append(try row.number("kl"))
      likelihood.append(try row.number("nll"))
    }
    guard divergence.count == layers.count else {
      throw .invalid(
        path: path, place: "the end", expected: "\(layers.count) layers",
        found: "\(divergence.count)")
    }
    self.init(layers: layers, divergence: divergence, likelihood: likelihood)
  }
}
