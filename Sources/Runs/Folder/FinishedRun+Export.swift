import Foundation
import MapReporter

extension FinishedRun {
  /// The formats a run writes without being asked.
  static let defaultFormats: [ExportFormat] = [.headMap, .duoAttention, .huggingFace]

  /// Writes the map that the report recommends below `maps/recommended`, in a folder per format.
  ///
  /// The `README.txt` of each says what the map keeps and what the format cannot carry.
  ///
  /// - Throws: ``MapReporterError`` where a file cannot be written; what `check` throws, which is called before
  ///   each.
  func exportRecommended(check: () throws -> Void) throws {
    guard let choice = try recommendedMap() else { return }
    let map = try map(by: choice.criterion, sparsity: choice.sparsity)
    let folder = "\(files.maps)/recommended"
    for format in Self.defaultFormats {
      let export = try format.exporter.export(map)
      let notes = ExportedFile(
        path: "README.txt",
        text: ([format.summary, "The map: \(choice)."] + export.warnings).map { "\($0)\n" }.joined(
          separator: "\n"))
      try MapExport(files: export.files + [notes], warnings: [])
        .write(to: URL(fileURLWithPath: "\(folder)/\(format.rawValue)"), check: check)
    }
  }
}
