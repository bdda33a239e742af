import Foundation

/// What the page template shows; the template sees these names and nothing else.
struct PageView {
  struct Fact {
    let name: String
    let value: String
  }

  struct Link {
    let path: String
    let name: String
    let summary: String
  }

  struct DeployedSection {
    let title: String
    let tasks: [TaskSection]
  }

  struct TaskSection {
    let task: String
    let figures: [String]
    let table: CriterionTable
    let sparsities: SparsityTable
    let parts: PartTable
    /// Whether the one figure and a table of few columns stand side by side.
    let isPair: Bool
    /// What is said of a task that is too easy or too hard to judge maps by.
    let warning: String?
  }

  let title: String
  let subtitle: String
  let lightVariables = FigurePalette.variables(dark: false)
  let darkVariables = FigurePalette.variables(dark: true)
  let style = PageStyle.css
  let answer: AnswerView
  let deployments: DeploymentTable
  let elsewhere: [DeployedSection]
  let isElsewhere: Bool
  let recommendations: RecommendationTable
  let primary: TaskSection
  let others: [TaskSection]
  let hasOthers: Bool
  let gates: String?
  let training: String?
  let hasPictures: Bool
  let scores: [String]
  let hasScores: Bool
  let agreement: AgreementTable
  let notes: [String]
  let hasNotes: Bool
  let facts: [Fact]
  let hasFacts: Bool
  let files: [Link]
  let hasFiles: Bool

  init(_ figures: ReportFigures, theme: FigureTheme) {
    let input = figures.input
    title = input.title
    subtitle = input.subtitle
    answer = AnswerView(figures, theme: theme)
    deployments = DeploymentTable(input)
    elsewhere = input.deployments.dropFirst().map { deployed in
      let own = ReportFigures(input.deciding(deployed))
      return DeployedSection(
        title: deployed.title,
        tasks: own.input.tasks.map { Self.section($0, own, theme: theme) })
    }
    isElsewhere = !elsewhere.isEmpty
    recommendations = RecommendationTable(input)
    let sections = input.tasks.map { Self.section($0, figures, theme: theme) }
    primary = sections[0]
    others = Array(sections.dropFirst())
    hasOthers = sections.count > 1
    gates = figures.gates(theme: theme)?.svg
    training = figures.training(theme: theme)?.svg
    hasPictures = gates != nil || training != nil
    scores = figures.scores(theme: theme).map(\.svg)
    hasScores = !scores.isEmpty
    agreement = figures.agreement
    notes = input.notes
    hasNotes = !notes.isEmpty
    facts = input.facts.map { Fact(name: $0.name, value: $0.value) }
    hasFacts = !facts.isEmpty
    files = input.files.map {
      Link(path: Self.relative($0.path), name: $0.path, summary: $0.summary)
    }
    hasFiles = !files.isEmpty
  }

  private static func section(
    _ task: String, _ figures: ReportFigures, theme: FigureTheme
  ) -> TaskSection {
    let input = figures.input
    let points = input.points.filter { $0.task == task }
    let table = CriterionTable(points)
    let drawings = figures.accuracy(of: task, theme: theme).map(\.svg)
    return TaskSection(
      task: task, figures: drawings, table: table,
      sparsities: SparsityTable(
        points, layers: input.space?.globalLayers.count),
      parts: PartTable(input.places, task: task),
      isPair: drawings.count == 1 && table.metrics.count <= 4,
      warning: TaskDifficulty(points).map(\.warning))
  }

  /// A path as a link below the page's folder: "./" keeps a colon in a name from being a scheme.
  static func relative(_ path: String) -> String {
    let escaped = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? ""
    return path.hasPrefix("/") ? escaped : "./" + escaped
  }
}
