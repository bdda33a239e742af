import Foundation
import GateOptimizer
import MapReporter

/// A file, or a folder of files, in a run's folder: the one list that resuming, comparing, linking and
/// documenting go by.
package enum RunFile: Hashable, CaseIterable, Sendable {
  /// The configuration with every default written out.
  case configuration
  /// Versions, model hash, host and timings.
  case record
  /// What each result was made from.
  case ledger
  /// What an interrupted calibration continues from.
  case checkpoint
  /// One line per calibration step.
  case metrics
  /// What the clock said of each calibration step.
  case timings
  /// The teacher's outputs on a finite sample set, while gates are learned.
  case teacher
  /// The learned gates in DuoAttention's format, (L, K).
  case gates
  /// The maps that were searched, by the number of streaming units.
  case search(MapUnit)
  /// What an interrupted search continues from.
  case searchState(MapUnit)
  /// Layer maps, one `headmap.json` per criterion and sparsity.
  case maps
  /// The recommended map in the formats of runtimes.
  case recommended
  /// 1 − the share of attention on what a streaming head sees, (L, K), in the format of the gates.
  case attention
  /// What each layer gains when it alone retrieves.
  case restoration
  /// Scores of all heads by a method, with what they were made of.
  case headScores(ScoreMethod)
  /// Accuracy where heads with the highest scores are masked.
  case masking
  /// One line per sample, map and metric: what the curves are drawn from.
  case scores
  /// Accuracy against sparsity with confidence intervals.
  case curves
  /// The same by place: cells of a needle grid, parts of a passage.
  case places
  /// The self-contained page.
  case report
  /// SVG figures.
  case figures
  /// What the tool logged.
  case log
  /// Who works in the folder.
  case lock

  package static let allCases: [RunFile] =
    [.configuration, .record, .ledger, .checkpoint, .metrics, .timings, .teacher, .gates]
    + MapUnit.allCases.map(search) + MapUnit.allCases.map(searchState)
    + ScoreMethod.allCases.map(headScores) + [.masking]
    + [
      .maps, .recommended, .attention, .restoration, .scores, .curves, .places, .report, .figures,
      .log, .lock,
    ]

  /// Its path below the folder.
  package var name: String {
    switch self {
    case .configuration: "config.yaml"
    case .record: "run.json"
    case .ledger: "results.json"
    case .checkpoint: "checkpoint.h5"
    case .metrics: "metrics.csv"
    case .timings: "timings.csv"
    case .teacher: "teacher"
    case .gates: "gates.tsv"
    case .search(let unit): "search-\(unit).csv"
    case .searchState(let unit): "search-\(unit).json"
    case .maps: "maps"
    case .recommended: "maps/recommended"
    case .attention: "attention.tsv"
    case .restoration: "one-layer-back.csv"
    case .headScores(let method): "heads-\(method.rawValue).json"
    case .masking: "masking.csv"
    case .scores: "scores.csv"
    case .curves: "curves.csv"
    case .places: "places.csv"
    case .report: "report.html"
    case .figures: "figures"
    case .log: "log.txt"
    case .lock: ".lock"
    }
  }

  /// Whether it has the same bytes whenever the run is made from the same inputs.
  package var isResult: Bool {
    switch self {
    case .gates, .metrics, .search, .attention, .restoration, .headScores, .masking, .scores,
      .curves,
      .places:
      true
    default: false
    }
  }

  /// What the report's link to it says; nil where it has none.
  var link: String? {
    switch self {
    case .configuration: "every setting"
    case .record: "versions, machine, timings"
    case .gates: "learned gates, DuoAttention's format"
    case .metrics: "every calibration step"
    case .search(.layers): "searched layer maps, one for each number of streaming layers"
    case .search(.heads): "searched maps of single heads"
    case .curves: "every point of the curves"
    case .places: "by length and depth, and by position"
    case .scores: "every sample of every map"
    case .attention: "attention beyond sink and window, by head"
    case .restoration: "the loss where one layer alone retrieves"
    case .masking: "accuracy without the heads of the highest scores"
    case .headScores(let method): "scores of all heads: \(method.title)"
    case .maps: "a map per criterion and sparsity"
    case .recommended: "the recommended map in the formats of runtimes"
    default: nil
    }
  }

  /// Those that are results, as far as the folder has them, in the order in which they are made.
  package static var results: [RunFile] { allCases.filter(\.isResult) }
}

/// The paths of a run folder's files.
package struct RunFiles: Sendable {
  /// Path of the folder.
  package let folder: String

  /// The files of the run folder at `folder`.
  package init(folder: String) {
    self.folder = folder
  }

  /// The path of `file`.
  package subscript(file: RunFile) -> String { "\(folder)/\(file.name)" }

  /// The paths of all files.
  package var all: [String] { RunFile.allCases.map { self[$0] } }

  /// Whether `file` is there.
  package func has(_ file: RunFile) -> Bool {
    FileManager.default.fileExists(atPath: self[file])
  }

  /// The configuration with every default written out.
  package var configuration: String { self[.configuration] }
  /// The learned gates in DuoAttention's format, (L, K).
  package var gates: String { self[.gates] }
  /// What an interrupted calibration continues from.
  package var checkpoint: String { self[.checkpoint] }
  /// Layer maps, one `headmap.json` per criterion and sparsity.
  package var maps: String { self[.maps] }
  /// Accuracy against sparsity with confidence intervals.
  package var curves: String { self[.curves] }
  /// The self-contained page.
  package var report: String { self[.report] }
  /// What the tool logged.
  package var log: String { self[.log] }

  package var record: String { self[.record] }
  package var ledger: String { self[.ledger] }
  package var metrics: String { self[.metrics] }
  package var timings: String { self[.timings] }
  package var teacher: String { self[.teacher] }
  package var attention: String { self[.attention] }
  package var restoration: String { self[.restoration] }
  package var scores: String { self[.scores] }
  package var places: String { self[.places] }
  package var lock: String { self[.lock] }

  package func search(_ unit: MapUnit) -> String { self[.search(unit)] }
  package func searchState(_ unit: MapUnit) -> String { self[.searchState(unit)] }

  /// The tables of searched maps that are there.
  package var searchTables: [String] {
    MapUnit.allCases.map(search).filter(FileManager.default.fileExists(atPath:))
  }

  /// The file name of the map by `criterion` at `sparsity`, below ``maps``.
  static func mapName(_ criterion: Criterion, _ sparsity: Double) -> String {
    let name = criterion.description.replacing(":", with: "-")
    return "\(name)-\(sparsity).headmap.json"
  }

  /// Whether calibration has left something that depends on its settings.
  var holdGates: Bool { has(.gates) || has(.checkpoint) }
}
