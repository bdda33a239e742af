/// The page of a comparison.
struct ComparisonPage {
  struct TaskSection {
    let task: String
    let full: String
    let samples: String
    let figures: [String]
    let hasFigures: Bool
    let tables: [Comparison.Table]
  }

  let title: String
  let subtitle: String
  let lightVariables = FigurePalette.variables(dark: false)
  let darkVariables = FigurePalette.variables(dark: true)
  let style = PageStyle.css + Self.extraStyle
  let headline: String
  let answer: [String]
  let notes: [String]
  let hasNotes: Bool
  let overview: Comparison.Table
  /// How many samples of the first task the runs are judged on, in words.
  let samples: String?
  let tasks: [TaskSection]
  let criterion: String
  let reference: String
  let layers: [String]
  let overlap: String?
  let changes: Comparison.Table?
  let gates: Comparison.Table?
  let files: [PageView.Link]
  let hasFiles: Bool

  /// The page of `comparison`; `links` are its runs' own pages, relative to it.
  init(_ comparison: Comparison, links: [String?], files: [PageView.Link]) {
    title = comparison.title
    subtitle = Self.subtitle(comparison)
    headline = comparison.headline
    answer = comparison.answer
    notes = comparison.notes
    hasNotes = !notes.isEmpty
    overview = comparison.overview(links: links)
    let figures = comparison.tasks.map { comparison.accuracyFigures(of: $0, theme: .page) }
    tasks = zip(comparison.tasks, figures).map { task, figures in
      TaskSection(
        task: task.name, full: comparison.fullSentence(task: task),
        samples: comparison.samples(task: task), figures: figures.map(\.svg),
        hasFigures: !figures.isEmpty,
        tables: comparison.accuracyTables(task: task))
    }
    samples = tasks.first?.samples
    criterion = comparison.criterion.description
    reference = comparison.first.name
    layers = comparison.layerFigures(theme: .page).map(\.svg)
    overlap = comparison.overlapFigure(theme: .page)?.svg
    changes = comparison.runs.count > 1 ? comparison.layerChanges : nil
    gates = comparison.gates
    self.files = files
    hasFiles = !files.isEmpty
  }

  private static func subtitle(_ comparison: Comparison) -> String {
    let maps = comparison.first.maps
    let type = comparison.first.model?.modelType ?? "model"
    return "\(type) of \(maps.layers) layers × \(maps.heads) key-value heads"
  }

  private static let extraStyle = """
    .runs td,.runs thead th:not(:first-child){padding-inline:.5rem}
    .tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,500px),1fr));gap:.5rem 2rem;align-items:start}
    .tables>div{min-width:0}
    .tables td,.tables thead th:not(:first-child){padding-inline:.36rem}
    .tables td small{font-size:.72rem}
    th[scope=row]{overflow-wrap:anywhere}
    thead th:first-child{text-align:left;padding-left:0}
    """

  /// The page as HTML.
  func html() throws(MapReporterError) -> String {
    try PageTemplate.render(self, Self.page, ["table": Self.table], name: "comparison")
  }

  private static let page = """
    {{>head}}
    <section class="answer">
    <h2>{{headline}}</h2>
    {{#answer}}<p class="lead">{{.}}</p>{{/answer}}
    {{#hasNotes}}<ul>{{#notes}}<li>{{.}}</li>{{/notes}}</ul>{{/hasNotes}}
    </section>
    <section>
    <h2>The runs</h2>
    <p>What each run’s own report recommends: the layer map (where none surely keeps enough, the closest), its accuracy in % with 95&nbsp;% interval{{#samples}} over {{.}}{{/samples}}, the share of full attention’s accuracy it keeps, and the share of the KV cache it saves at the length that the first task states; then the settings in which the runs differ.</p>
    {{#overview}}<div class="runs">{{>table}}</div>{{/overview}}
    </section>
    {{#tasks}}
    <section>
    <h2>Accuracy, {{task}}</h2>
    {{#hasFigures}}<p>Each figure shows the layers by {{criterion}} of {{reference}} and of the runs that differ from it in one setting, or in the same ones. Whiskers are 95&nbsp;% intervals over {{samples}}; the samples are the same in all runs, so that a difference between two is surer than their whiskers alone suggest.</p>{{/hasFigures}}
    <p>{{full}}</p>
    <div class="figures">{{#figures}}<figure>{{{.}}}</figure>{{/figures}}</div>
    <p class="small">Accuracy in %, small: 95&nbsp;% interval over {{samples}}.</p>
    <div class="tables">{{#tables}}<div><h3>{{title}}</h3>{{>table}}</div>{{/tables}}</div>
    </section>
    {{/tasks}}
    <section>
    <h2>Layers</h2>
    <p>The layers that each run keeps. Dots mark what differs from {{reference}}; the number is the share of retrieval layers the two have in common, of all that either has.</p>
    <div class="figures">{{#layers}}<figure>{{{.}}}</figure>{{/layers}}{{#overlap}}<figure>{{{.}}}</figure>{{/overlap}}</div>
    {{#changes}}<h3>Retrieval layers gained and lost against {{reference}}, half of the layers streaming</h3>
    {{>table}}{{/changes}}
    </section>
    {{#gates}}
    <section>
    <h2>Gate learning</h2>
    <p>The distillation loss is the mean of the last tenth of the steps; times are minutes and seconds, of whatever machine each run was made on.</p>
    {{>table}}
    </section>
    {{/gates}}
    {{>foot}}
    """

  private static let table = """
    <div class="scroll" tabindex="0">
    <table>
    <thead>
    <tr><th scope="col">Run</th>{{#columns}}<th scope="col">{{.}}</th>{{/columns}}</tr>
    </thead>
    <tbody>
    {{#rows}}<tr><th scope="row">{{#link}}<a href="{{.}}">{{/link}}{{name}}{{#link}}</a>{{/link}}</th>{{#cells}}<td>{{value}}{{#small}}<small>{{.}}</small>{{/small}}</td>{{/cells}}</tr>
    {{/rows}}
    </tbody>
    </table>
    </div>
    """
}
