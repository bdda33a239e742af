import GateOptimizer
import Transformer

/// All a report is made from: plain values the pipeline fills from a run folder.
package struct ReportInput: Sendable {
  /// Heading of the page, the run's name say.
  package var title: String
  /// A line below it: model, window, context.
  package var subtitle: String
  /// The curve in the deployment that decides: every method, task and sparsity.
  package var points: [CurvePoint]
  /// The curves of every deployment that was measured, the one that decides first; empty where there is no other.
  package var deployments: [Deployed] = []
  /// The task that decides the recommendation.
  package var primaryTask: String
  /// Whether its samples are none that maps were searched or gates learned on.
  package var isHeldOut = true
  /// The metric that decides it.
  package var primaryMetric: CurveMetric
  /// How much of full attention's accuracy a recommended map must keep, 0…1.
  package var keptShare: Double
  /// The same told apart by place, for tasks that have places.
  package var places: [PlacePoint]
  /// Length in tokens at which the KV saving is stated.
  package var context: Int
  /// The same for each task by name, as the points' cache sizes have it.
  package var contexts: [String: Int]
  /// Learned gates, (L, K), 0…1; empty when there are none.
  package var gates: [[Double]]
  /// The maps that were evaluated, as far as they are to be shown.
  package var maps: [MapEntry]
  /// Scores of heads, with what else finds heads; empty where no heads were scored.
  package var scores: [NamedScores] = []
  /// Accuracy without the heads of the highest scores.
  package var masked: [MaskPoint] = []
  /// Rows of `metrics.csv`; empty when nothing was trained.
  package var training: [TrainingRow]
  /// Facts of the run: model, window, seed, times, versions.
  package var facts: [Fact]
  /// Files to link to, by path relative to the page.
  package var files: [FileLink]
  /// Sentences to be read with the numbers, such as warnings.
  package var notes: [String]
  /// Folder with the recommended map in the formats of runtimes, relative to the page.
  package var recommendedFolder: String?
  /// The command that writes it in another one, given in the page's folder.
  package var exportCommand: String?

  /// A map with the curve method it stands for.
  package struct MapEntry: Sendable {
    /// Method as in ``CurvePoint/method``.
    package var method: CurveMethod
    /// The map; its requested sparsity tells which point it belongs to.
    package var map: HeadMap
    /// Where it lies, relative to the page.
    package var path: String?

    /// A map of `method`.
    package init(method: CurveMethod, map: HeadMap, path: String? = nil) {
      self.method = method
      self.map = map
      self.path = path
    }
  }

  /// What was measured in one deployment.
  package struct Deployed: Sendable {
    /// The deployment in words.
    package var title: String
    /// The runtimes that deploy maps so.
    package var runtimes: [Runtime]
    /// Its curve.
    package var points: [CurvePoint]
    /// The same told apart by place.
    package var places: [PlacePoint]

    /// The points of a deployment.
    package init(
      title: String, runtimes: [Runtime] = [], points: [CurvePoint], places: [PlacePoint] = []
    ) {
      self.title = title
      self.runtimes = runtimes
      self.points = points
      self.places = places
    }
  }

  /// The same report as if `deployed` decided.
  func deciding(_ deployed: Deployed) -> ReportInput {
    var input = self
    input.points = deployed.points
    input.places = deployed.places
    return input
  }

  /// The same report without the maps of scores, which have a section of their own.
  var withoutScores: ReportInput {
    var input = self
    func others(_ points: [CurvePoint]) -> [CurvePoint] {
      points.filter { $0.method.scores == nil }
    }
    input.points = others(points)
    input.places = places.filter { $0.method.scores == nil }
    input.deployments = deployments.map { deployed in
      var own = deployed
      own.points = others(deployed.points)
      own.places = deployed.places.filter { $0.method.scores == nil }
      return own
    }
    return input
  }

  /// A name with a value.
  package struct Fact: Sendable {
    /// What is told.
    package var name: String
    /// The value with its unit.
    package var value: String

    /// A fact.
    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// A file with what it holds.
  package struct FileLink: Sendable {
    /// Path relative to the page.
    package var path: String
    /// What it holds, in a few words.
    package var summary: String

    /// A link.
    package init(path: String, summary: String) {
      self.path = path
      self.summary = summary
    }
  }

  /// A report of `points`; everything else may be added as far as it is known.
  package init(
    title: String, subtitle: String = "", points: [CurvePoint], places: [PlacePoint] = [],
    primaryTask: String, primaryMetric: CurveMetric = .tokens, keptShare: Double = 0.95,
    context: Int, contexts: [String: Int] = [:], gates: [[Double]] = [], maps: [MapEntry] = [],
    training: [TrainingRow] = [],
    facts: [Fact] = [], files: [FileLink] = [], notes: [String] = []
  ) {
    self.title = title
    self.subtitle = subtitle
    self.points = points
    self.places = places
    self.contexts = contexts
    self.primaryTask = primaryTask
    self.primaryMetric = primaryMetric
    self.keptShare = keptShare
    self.context = context
    self.gates = gates
    self.maps = maps
    self.training = training
    self.facts = facts
    self.files = files
    self.notes = notes
  }

  /// "held-out samples", or what they are.
  func sampleWords(_ count: Int) -> String {
    let noun = count == 1 ? "sample" : "samples"
    return isHeldOut
      ? "\(grouped(count)) held-out \(noun)"
      : "\(grouped(count)) \(noun) that maps were searched or gates learned on in part"
  }

  /// The tasks of the points, the primary one first.
  var tasks: [String] {
    ([primaryTask] + points.map(\.task)).distinct
  }

  /// The heads that the maps decide on, where there is a map.
  var space: MapSpace? { maps.first?.map.model.space }

  /// The layers that slide windows of their own.
  var ownWindows: Set<Int> { maps.first?.map.model.layersWithOwnWindows ?? [] }

  /// What shares of layers are shares of.
  var layerName: String { space?.isWhole ?? true ? "layers" : "global layers" }

  /// The map of `method` at a requested sparsity.
  func map(_ method: CurveMethod, at sparsity: Double) -> MapEntry? {
    maps.first { $0.method == method && abs($0.map.sparsity.requested - sparsity) < 1e-6 }
  }

  /// The recommendation by the rule of ``Recommendation``.
  package var recommendation: Recommendation {
    Recommendation.choose(
      from: points, task: primaryTask, metric: primaryMetric, share: keptShare)
  }
}
