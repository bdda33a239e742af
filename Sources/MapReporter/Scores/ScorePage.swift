import GateOptimizer
import Support

/// The page of scores from several files.
struct ScorePage {
  struct Source {
    let name: String
    let file: String
    let kind: String
    let first: String
  }

  let title = "Who finds which heads"
  let subtitle: String
  let lightVariables = FigurePalette.variables(dark: false)
  let darkVariables = FigurePalette.variables(dark: true)
  let style = PageStyle.css
  let scores: [String]
  let agreement: AgreementTable
  let sources: [Source]
  let notes: [String]
  let hasNotes: Bool
  let files: [PageView.Link]
  let hasFiles: Bool

  /// Heads that are listed of each file.
  private static let listed = 10

  init(_ comparison: ScoreComparison, files: [PageView.Link]) {
    let first = comparison.scores[0].gates
    subtitle = "\(first.layers) layers × \(first.heads) key-value heads"
    scores = [Self.figure(comparison.scores).svg(theme: .page)]
    agreement = AgreementTable(comparison.scores)
    sources = zip(comparison.scores, comparison.sources).map { scores, source in
      Source(
        name: scores.name, file: source.file, kind: source.kind,
        first: Self.firstHeads(of: scores.gates))
    }
    notes = comparison.notes.map { $0 + "." }
    hasNotes = !notes.isEmpty
    self.files = files
    hasFiles = !files.isEmpty
  }

  /// The first heads of a list, the highest score first.
  private static func firstHeads(of gates: GateMatrix) -> String {
    let rows = (0..<gates.layers).map { Array(gates[layer: $0]) }
    let global = Set(gates.globalLayers)
    return HeadScores(unit: .keyValue, rows: rows).ranked.filter { global.contains($0.layer) }
      .prefix(listed).map(\.description).joined(separator: ", ")
  }

  static func figure(_ scores: [NamedScores]) -> ScoreBandsFigure {
    ScoreBandsFigure(title: "Rank of every key-value head", scores: scores)
  }

  /// The page as HTML.
  func html() throws(MapReporterError) -> String {
    try PageTemplate.render(
      self, Self.page, ["agreement": PageTemplate.agreement], name: "scores")
  }

  private static let page = """
    {{>head}}
    <section>
    <p>A cell is as dark as the head’s rank in its file, since scores of different files have no unit in common; query heads that share a key-value head count as one.</p>
    <div class="figures">{{#scores}}<figure>{{{.}}}</figure>{{/scores}}</div>
    {{>agreement}}
    </section>
    <section>
    <h2>The files</h2>
    <div class="scroll" tabindex="0">
    <table>
    <thead><tr><th scope="col">Name</th><th scope="col">First heads, layer-head</th><th scope="col">Kind</th><th scope="col">File</th></tr></thead>
    <tbody>
    {{#sources}}<tr><th scope="row">{{name}}</th><td>{{first}}</td><td>{{kind}}</td><td>{{file}}</td></tr>
    {{/sources}}
    </tbody>
    </table>
    </div>
    </section>
    {{>notes}}
    {{>foot}}
    """
}
