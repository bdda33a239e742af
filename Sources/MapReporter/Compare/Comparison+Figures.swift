import GateOptimizer
import Support

extension Comparison {
  struct Figure {
    let name: String
    let svg: String
  }

  /// A panel per setting that differs: the first run and those that differ from it in this setting.
  func accuracyFigures(of task: EvaluationTask, theme: FigureTheme) -> [Figure] {
    groups.flatMap { group in
      let runs = group.runs.filter { comparable.contains($0) && !curve($0, task).points.isEmpty }
      let size = RunCurvesFigure.maximumCurves - 1
      return stride(from: 0, to: runs.count, by: size).map { start in
        figure(
          of: Array(runs[start..<min(start + size, runs.count)]), title: group.title, task: task,
          part: start / size, theme: theme)
      }
    }
  }

  private func figure(
    of others: [Int], title: String, task: EvaluationTask, part: Int, theme: FigureTheme
  ) -> Figure {
    let runs = (comparable.contains(0) ? [0] : []) + others
    let place = tasks.firstIndex { $0.name == task.name } ?? 0
    let suffix = (place == 0 ? "" : "-\(place + 1)") + (part == 0 ? "" : "-part-\(part + 1)")
    return Figure(
      name: "accuracy-\(fileName(title))\(suffix)",
      svg: RunCurvesFigure(
        title: "\(title.capitalizedFirst): layers by \(criterion), \(task.name)",
        curves: runs.map { curve($0, task) },
        full: runs.first.flatMap { self.runs[$0].full(task: task.name)?.value }
      ).svg(theme: theme))
  }

  private func curve(_ run: Int, _ task: EvaluationTask) -> RunCurvesFigure.Curve {
    let method = CurveMethod.layers(criterion)
    let points: [(Double, Estimate)] = runs[run].points.compactMap { point in
      guard point.task == task.name, point.method == method else { return nil }
      return point.estimate(Self.metric).map { (point.achievedSparsity, $0) }
    }
    return RunCurvesFigure.Curve(
      name: runs[run].name, points: points.sorted { $0.0 < $1.0 })
  }

  /// Layer sets of all runs: by every criterion at one half, by the chosen one at the other sparsity.
  func layerFigures(theme: FigureTheme) -> [Figure] {
    let kinds =
      criteria.map { ($0, layerSparsities[0]) }
      + layerSparsities.dropFirst().map { (criterion, $0) }
    return kinds.compactMap { criterion, sparsity in
      let rows: [LayerSetsFigure.Row] = runs.indices.compactMap { run in
        guard let kinds = try? runs[run].layers(by: criterion, sparsity: sparsity) else {
          return nil
        }
        return LayerSetsFigure.Row(
          name: runs[run].name, kinds: kinds,
          overlap: run == 0 ? nil : overlap(of: run, by: criterion, sparsity: sparsity))
      }
      guard !rows.isEmpty else { return nil }
      let name = "layers-\(fileName(criterion.description))-\(fixed(sparsity * 100, 0))"
      return Figure(
        name: name,
        svg: LayerSetsFigure(
          title: "Layers by \(criterion), \(shortPercent(sparsity)) stream", rows: rows
        ).svg(theme: theme))
    }
  }

  /// The overlap of every two runs at one half by the chosen criterion; nil for fewer than three runs,
  /// too many, or models of several shapes.
  func overlapFigure(theme: FigureTheme) -> Figure? {
    guard (3...OverlapFigure.maximumRuns).contains(runs.count) else { return nil }
    let overlaps = runs.indices.map { run in
      runs.indices.compactMap { other in
        overlap(of: run, with: other, by: criterion, sparsity: layerSparsities[0])?.jaccard
      }
    }
    guard overlaps.allSatisfy({ $0.count == runs.count }) else { return nil }
    return Figure(
      name: "overlap",
      svg: OverlapFigure(
        title: "Shared retrieval layers, by \(criterion) at \(percent(layerSparsities[0]))",
        names: runs.map(\.name), overlaps: overlaps
      ).svg(theme: theme))
  }

  /// Letters, digits and hyphens.
  private func fileName(_ text: String) -> String {
    let kept = text.map { character in
      character.isASCII && (character.isLetter || character.isNumber) || character == "."
        ? character : "-"
    }
    return String(kept).split(separator: "-").joined(separator: "-")
  }
}

extension String {
  /// The same words at the beginning of a title.
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
