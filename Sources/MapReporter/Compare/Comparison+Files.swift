import Foundation
import GateOptimizer
import Support

extension Comparison {
  /// Writes the page alone, one self-contained HTML file.
  ///
  /// - Returns: Its path.
  /// - Throws: `FileError`.
  @discardableResult
  package func writePage(to path: String) throws -> String {
    let place = URL(fileURLWithPath: path)
    try AtomicFile.write(html(in: place.deletingLastPathComponent().path), creatingFolderOf: place)
    return path
  }

  /// The page as it will lie in `folder`, for its links to the runs' own pages.
  package func html(in folder: String) throws -> String {
    try page(in: folder, files: []).html()
  }

  /// Writes `comparison.html`, its tables as CSV and `figures/*.svg`.
  ///
  /// - Parameters:
  ///   - folder: Where to; created when missing.
  ///   - check: Called before each file; what it throws ends the writing.
  /// - Returns: The page's path.
  /// - Throws: `FileError`; what `check` throws.
  @discardableResult
  package func write(to folder: String, check: () throws -> Void = {}) throws -> String {
    let links = Self.tableFiles.map {
      PageView.Link(path: "./\($0.name)", name: $0.name, summary: $0.summary)
    }
    let tables = zip(Self.tableFiles, [runTable, accuracyTable, layerTable]).map {
      ExportedFile(path: $0.name, text: $1)
    }
    let page = ExportedFile(
      path: "comparison.html", text: try page(in: folder, files: links).html())
    try MapExport(files: figures() + tables + [page], warnings: [])
      .write(to: URL(fileURLWithPath: folder), check: check)
    return "\(folder)/\(page.path)"
  }

  /// The figures as files of their own, fixed colours on white, below `figures/`.
  package func figures() -> [ExportedFile] {
    let theme = FigureTheme.standalone
    let all =
      tasks.flatMap { accuracyFigures(of: $0, theme: theme) } + layerFigures(theme: theme)
      + [overlapFigure(theme: theme)].compactMap { $0 }
    return all.map { ExportedFile(path: "figures/\($0.name).svg", text: $0.svg) }
  }

  private func page(in folder: String, files: [PageView.Link]) -> ComparisonPage {
    let links = runs.map { run in
      run.report.map { PageView.relative(Self.path(from: folder, to: $0)) }
    }
    return ComparisonPage(self, links: links, files: files)
  }

  private static let tableFiles = [
    (name: "comparison.csv", summary: "a row per run: settings, recommended map, gates"),
    (name: "comparison-accuracy.csv", summary: "a row per run, task, method and sparsity"),
    (name: "comparison-layers.csv", summary: "a row per run, criterion and sparsity: the layers"),
  ]

  /// `file` as seen from `folder`.
  static func path(from folder: String, to file: String) -> String {
    func parts(_ path: String) -> [String] {
      URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.pathComponents
    }
    let (from, to) = (parts(folder), parts(file))
    let shared = zip(from, to).prefix { $0 == $1 }.count
    return (Array(repeating: "..", count: from.count - shared) + to[shared...])
      .joined(separator: "/")
  }
}

// The tables as comma-separated text; numbers with six decimals, empty fields for what is unknown.
extension Comparison {
  private var settingNames: [String] { settings.columns.flatMap(\.names) }

  private func settingValues(_ run: Int) -> [String] {
    settings.columns.flatMap { column in column.names.map { _ in column.values[run] } }
  }

  /// A row per run.
  var runTable: String {
    let columns =
      ["run"] + settingNames + [
        "criterion", "sparsity", "accuracy", "accuracy_low", "accuracy_high", "kept_share",
        "kv_saved", "qualified", "steps", "learn_seconds", "distillation_loss", "mean_gate",
        "open_share", "gate_correlation",
      ]
    return CommaSeparated.line(columns)
      + runs.indices.map { index in
        let run = runs[index]
        let learning: [Double?] = [
          run.learningSeconds, run.distillation, run.meanGate, run.openShare,
          run.correlation(with: first),
        ]
        return CommaSeparated.line(
          [run.name] + settingValues(index) + recommended(run)
            + [run.steps.map(String.init) ?? ""] + learning.map(Self.field))
      }.joined()
  }

  private func recommended(_ run: ComparedRun) -> [String] {
    guard let best = run.recommended else { return Array(repeating: "", count: 8) }
    let estimate = run.estimate(
      .layers(best.criterion), at: best.sparsity, task: run.primaryTask.name)
    return [best.criterion.description]
      + [
        best.sparsity, estimate?.value, estimate?.low, estimate?.high, best.keptShare,
        savedShare(run, best),
      ].map(Self.field) + [best.isEnough ? "1" : "0"]
  }

  /// A row per point of every run's curves.
  var accuracyTable: String {
    let columns =
      ["run"] + settingNames + [
        "task", "method", "map_seed", "sparsity_requested", "sparsity_achieved", "samples",
        "accuracy",
        "accuracy_low", "accuracy_high",
      ]
    return CommaSeparated.line(columns)
      + runs.indices.flatMap { index in
        runs[index].points.map { point in
          let estimate = point.accuracy
          return CommaSeparated.line(
            [runs[index].name] + settingValues(index)
              + [point.task, point.method.name, point.seed.map(String.init) ?? ""]
              + [point.requestedSparsity, point.achievedSparsity].map(Self.field)
              + ["\(point.samples)"]
              + [estimate?.value, estimate?.low, estimate?.high].map(Self.field))
        }
      }.joined()
  }

  /// A row per run, criterion and sparsity, with what differs from the first run.
  var layerTable: String {
    let columns =
      ["run"] + settingNames + [
        "criterion", "sparsity", "retrieval_layers", "shared_with_first", "gained", "lost",
      ]
    return CommaSeparated.line(columns)
      + runs.indices.flatMap { index in
        criteria.flatMap { criterion in
          layerSparsities.sorted().compactMap { layerLine(index, criterion, $0) }
        }
      }.joined()
  }

  private func layerLine(_ index: Int, _ criterion: Criterion, _ sparsity: Double) -> String? {
    guard let kinds = try? runs[index].layers(by: criterion, sparsity: sparsity) else { return nil }
    let overlap = overlap(of: index, by: criterion, sparsity: sparsity)
    func list(_ layers: [Int]?) -> String {
      (layers ?? []).map(String.init).joined(separator: " ")
    }
    return CommaSeparated.line(
      [runs[index].name] + settingValues(index) + [
        criterion.description, Self.field(sparsity), list(kinds.indices.filter { kinds[$0] }),
        Self.field(overlap?.jaccard), list(overlap?.gained), list(overlap?.lost),
      ])
  }

  private static func field(_ value: Double?) -> String { value.map { fixed($0, 6) } ?? "" }
}
