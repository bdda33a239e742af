import Foundation
import GateOptimizer
import ModelLoader
import Support

/// Several runs side by side: what differs between them, and what comes of it.
package struct Comparison {
  /// Heading of the page.
  let title: String
  /// The runs; the first is what the others are compared with.
  let runs: [ComparedRun]
  /// In what they differ.
  let settings: SettingColumns
  /// The criterion of figures that show only one.
  let criterion: Criterion
  /// Sparsities at which layers are shown, 50 % and one more.
  let layerSparsities: [Double]
  /// Why runs cannot be compared in full, a sentence each.
  let notes: [String]
  /// Places of the runs whose accuracies may be compared with each other.
  let comparable: [Int]

  /// Compares runs.
  ///
  /// - Parameters:
  ///   - runs: Runs with gates at least; the first is the one to compare with.
  ///   - title: Heading of the page.
  ///   - criterion: Which criterion's layers and accuracies the figures show; nil takes the one
  ///     whose layers are the most accurate on average.
  /// - Throws: ``MapReporterError/invalidValue(place:expected:found:)`` where there is none.
  package init(_ runs: [ComparedRun], title: String, criterion: Criterion? = nil) throws {
    self.title = title
    self.runs = runs
    guard let first = runs.first else {
      throw MapReporterError.invalidValue(
        place: "the runs to compare", expected: "at least one run folder", found: "none")
    }
    settings = SettingColumns(runs.map(\.settings))
    let judged = RunSamples(runs)
    notes = judged.notes
    comparable = judged.comparable
    self.criterion =
      criterion
      ?? Self.bestCriterion(comparable.map { [runs] in runs[$0] }, task: first.primaryTask.name)
      ?? Self.sharedCriteria(runs).first ?? .max
    let recommended = first.recommended?.sparsity
    layerSparsities = [0.5, recommended.flatMap { $0 == 0.5 ? nil : $0 } ?? 0.25]
  }

  /// The run that the others are compared with.
  var first: ComparedRun { runs[0] }

  /// ``criterion``, then the other criteria that all runs are evaluated by.
  var criteria: [Criterion] {
    [criterion] + Self.sharedCriteria(runs).filter { $0 != criterion }
  }

  private static func sharedCriteria(_ runs: [ComparedRun]) -> [Criterion] {
    let all = runs.map { $0.maps.available($0.evaluation.criteria) }
    return (all.first ?? []).filter { criterion in all.allSatisfy { $0.contains(criterion) } }
  }

  /// The criterion whose layers are the most accurate on average, over the points that all measured
  /// runs share; the first one before anything is measured.
  private static func bestCriterion(_ runs: [ComparedRun], task: String) -> Criterion? {
    let shared = sharedCriteria(runs)
    func mean(_ criterion: Criterion) -> Double {
      let method = CurveMethod.layers(criterion)
      let found = sharedSparsities(of: method, task: task, in: runs).flatMap { sparsity in
        runs.compactMap { $0.estimate(method, at: sparsity, task: task)?.value }
      }
      return found.isEmpty ? 0 : found.reduce(0, +) / Double(found.count)
    }
    let scored = shared.map { (criterion: $0, mean: mean($0)) }
    // The first of equals.
    return scored.dropFirst().reduce(scored.first) { best, next in
      next.mean > (best?.mean ?? 0) ? next : best
    }?.criterion
  }

  /// The sparsities between the ends at which each of `runs` was measured, in order.
  static func sharedSparsities(
    of method: CurveMethod, task: String, in runs: [ComparedRun]
  ) -> [Double] {
    let all = runs.map { Set($0.sparsities(method, task: task)) }
    return all.dropFirst().reduce(all.first ?? []) { $0.intersection($1) }
      .filter { $0 > 0 && $0 < 1 }.sorted()
  }

  /// The tasks that were measured, the first run's order.
  var tasks: [EvaluationTask] {
    first.evaluation.tasks.filter { task in
      comparable.contains { runs[$0].full(task: task.name) != nil }
    }
  }

  /// The overlap of a run's layers with the first run's; nil where the models differ in shape or a
  /// criterion cannot judge the gates.
  func overlap(of run: Int, with other: Int = 0, by criterion: Criterion, sparsity: Double)
    -> LayerOverlap?
  {
    guard let set = try? runs[run].layers(by: criterion, sparsity: sparsity),
      let reference = try? runs[other].layers(by: criterion, sparsity: sparsity)
    else { return nil }
    return LayerOverlap(set, against: reference)
  }

  /// Places of the runs by the settings in which they differ from the first, in order.
  var groups: [(title: String, runs: [Int])] {
    var groups: [(title: String, runs: [Int])] = []
    for run in runs.indices.dropFirst() {
      let changes = settings.changes(of: run).map(\.title).joined(separator: " and ")
      let title = changes.isEmpty ? "the same settings" : changes
      if let known = groups.firstIndex(where: { $0.title == title }) {
        groups[known].runs.append(run)
      } else {
        groups.append((title, [run]))
      }
    }
    return groups
  }
}

/// Whether runs are judged on the same samples.
private struct RunSamples {
  var comparable: [Int] = []
  var notes: [String] = []

  init(_ runs: [ComparedRun]) {
    let reference = runs.first { !$0.points.isEmpty } ?? runs[0]
    let counts = Self.samples(reference)
    for (index, run) in runs.enumerated() {
      // The first task decides; others may differ from run to run.
      let task = reference.evaluation.tasks[0].name
      let found = differences(
        now: run.sampleSettings[task] ?? [:], before: reference.sampleSettings[task] ?? [:])
      if run.points.isEmpty {
        notes.append("The accuracy of \(run.name) is not measured yet.")
      } else if !found.isEmpty {
        notes.append(
          "\(run.name) is judged on other samples than \(reference.name) "
            + "(\(Self.brief(found))), so that their accuracies are not compared.")
      } else {
        comparable.append(index)
        let own = Self.samples(run)
        if own != counts {
          notes.append(
            "\(run.name) is judged on \(own) samples per task, \(reference.name) on \(counts).")
        }
      }
      let (model, other) = (run.model, reference.model)
      if let model, let other, !other.identity.differences(from: model.identity).isEmpty {
        notes.append("\(run.name) is of another model than \(reference.name).")
      }
    }
    let missing = runs.count { $0.points.isEmpty }
    if missing > 2 {
      notes.removeAll { $0.hasSuffix("is not measured yet.") }
      notes.insert("The accuracy of \(missing) of \(runs.count) runs is not measured yet.", at: 0)
    }
  }

  private static func samples(_ run: ComparedRun) -> Int { run.points.map(\.samples).max() ?? 0 }

  private static func brief(_ differences: [String]) -> String {
    differences.map { $0.shown(limit: 120) }.joined(first: 2)
  }
}
