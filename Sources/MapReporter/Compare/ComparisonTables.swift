import GateOptimizer
import Support
import Transformer

extension Comparison {
  /// A table as the page shows it; the first cell of a row is its heading.
  struct Table {
    struct Cell {
      let value: String
      let small: String?

      init(_ value: String, small: String? = nil) {
        self.value = value
        self.small = small
      }
    }

    struct Row {
      let name: String
      let link: String?
      let cells: [Cell]
    }

    let title: String
    let columns: [String]
    let rows: [Row]
  }

  /// What each run is, what its report recommends and what that keeps and saves.
  func overview(links: [String?]) -> Table {
    Table(
      title: "",
      columns: ["recommended", "accuracy", "kept", "KV saved"]
        + settings.columns.map(\.title) + ["learned in"],
      rows: runs.indices.map { index in
        let values = settings.columns.map { Table.Cell($0.values[index].shortened(to: 40)) }
        return Table.Row(
          name: runs[index].name, link: links[index],
          cells: answer(index) + values + [learningTime(index)])
      })
  }

  private func answer(_ index: Int) -> [Table.Cell] {
    let run = runs[index]
    guard let best = run.recommended else { return Array(repeating: Table.Cell("–"), count: 4) }
    let method = CurveMethod.layers(best.criterion)
    return [
      Table.Cell(
        "\(best.criterion) at \(shortPercent(best.sparsity))",
        small: best.isEnough ? nil : "the closest"),
      Self.cell(run.estimate(method, at: best.sparsity, task: run.primaryTask.name)),
      Table.Cell(percent(best.keptShare, digits: 1)),
      Table.Cell(savedShare(run, best).map { percent($0) } ?? "–"),
    ]
  }

  /// The share of the KV cache that the recommended map saves at the length that the first task states.
  func savedShare(_ run: ComparedRun, _ best: RecommendedMap) -> Double? {
    let layers = try? run.layers(by: best.criterion, sparsity: best.sparsity)
    let context = run.evaluation.cacheContext(of: run.primaryTask)
    return layers.map { layers in
      let heads = HeadSet(retrievalLayers: layers, heads: run.maps.heads)
      return KeyValueCacheSize.savedShare(
        heads, run.deployment, own: run.ownWindows, context: context)
    }
  }

  private func learningTime(_ index: Int) -> Table.Cell {
    Table.Cell(runs[index].learningSeconds.map(clock) ?? "–")
  }

  /// The accuracy of each method that all comparable runs have, at sparsities they have in common.
  func accuracyTables(task: EvaluationTask) -> [Table] {
    let methods = criteria.map { CurveMethod.layers($0) } + [.headMixed]
    return methods.compactMap { method in
      let sparsities = commonSparsities(method, task: task.name)
      guard !sparsities.isEmpty else { return nil }
      return Table(
        title: method.title, columns: sparsities.map(shortPercent),
        rows: comparable.map { index in
          Table.Row(
            name: runs[index].name, link: nil,
            cells: sparsities.map {
              Self.cell(runs[index].estimate(method, at: $0, task: task.name))
            })
        })
    }
  }

  /// At most five of the sparsities at which all comparable runs were measured, between the ends.
  func commonSparsities(_ method: CurveMethod, task: String) -> [Double] {
    let common = Self.sharedSparsities(of: method, task: task, in: comparable.map { runs[$0] })
    guard common.count > 5 else { return common }
    let nearest = [0.25, 0.4, 0.5, 0.6, 0.75].compactMap { target in
      common.min { abs($0 - target) < abs($1 - target) }
    }
    return Set(nearest).sorted()
  }

  /// How many samples of a task the comparable runs are judged on, in words.
  func samples(task: EvaluationTask) -> String {
    comparable.flatMap { runs[$0].points }.filter { $0.task == task.name }.samples
  }

  /// Full attention's accuracy, in words; empty where it was not measured.
  func fullSentence(task: EvaluationTask) -> String {
    let found = comparable.compactMap { index in
      runs[index].full(task: task.name).map { (runs[index].name, $0) }
    }
    guard let first = found.first else { return "" }
    guard found.contains(where: { $0.1.value != first.1.value }) else {
      return "Full attention: \(Self.words(first.1))."
    }
    return "Full attention: " + found.map { "\($0.0) \(Self.words($0.1))" }.joined(separator: ", ")
      + "."
  }

  /// Which layers are others than in the first run, at one half.
  var layerChanges: Table {
    let sparsity = layerSparsities[0]
    return Table(
      title: "", columns: criteria.flatMap { ["by \($0): shared", "gained", "lost"] },
      rows: runs.indices.dropFirst().map { index in
        let cells = criteria.flatMap { criterion -> [Table.Cell] in
          guard let found = overlap(of: index, by: criterion, sparsity: sparsity) else {
            return Array(repeating: Table.Cell("–"), count: 3)
          }
          return [
            Table.Cell(fixed(found.jaccard, 2)), Table.Cell(Self.list(found.gained)),
            Table.Cell(Self.list(found.lost)),
          ]
        }
        return Table.Row(name: runs[index].name, link: nil, cells: cells)
      })
  }

  /// How the gates were learned and what they are like; nil where no run learned any.
  var gates: Table? {
    guard runs.contains(where: { $0.gates != nil }) else { return nil }
    return Table(
      title: "",
      columns: [
        "steps", "learned in", "distillation loss", "mean gate", "gates ≥ ½",
        "correlation with \(first.name)",
      ],
      rows: runs.indices.map { index in
        let run = runs[index]
        let correlation = index == 0 ? nil : run.correlation(with: first)
        return Table.Row(
          name: run.name, link: nil,
          cells: [
            Table.Cell(run.steps.map(String.init) ?? "none"), learningTime(index),
            Table.Cell(run.distillation.map { fixed($0, 4) } ?? "–"),
            Table.Cell(run.meanGate.map { fixed($0, 3) } ?? "–"),
            Table.Cell(run.openShare.map { percent($0) } ?? "–"),
            Table.Cell(correlation.map { fixed($0, 2) } ?? "–"),
          ])
      })
  }

  private static func cell(_ estimate: Estimate?) -> Table.Cell {
    guard let estimate else { return Table.Cell("–") }
    return Table.Cell(
      fixed(estimate.value * 100, 1),
      small: estimate.range { fixed($0 * 100, 1) })
  }

  private static func words(_ estimate: Estimate) -> String {
    "\(percent(estimate.value, digits: 1)) (\(estimate.range(by: " to ") { fixed($0 * 100, 1) }))"
  }

  private static func list(_ layers: [Int]) -> String {
    layers.isEmpty ? "–" : layers.map(String.init).joined(separator: ", ")
  }
}

/// A share with a decimal only where it has one: 50 %, 37.5 %.
func shortPercent(_ share: Double) -> String {
  percent(share, digits: abs(share * 100 - (share * 100).rounded()) < 0.05 ? 0 : 1)
}
