import Foundation

/// The page and figures of a run, drawn from a ``ReportInput`` alone.
package struct Report: Sendable {
  /// What is reported.
  package let input: ReportInput

  /// A report of `input`.
  package init(_ input: ReportInput) {
    self.input = input
  }

  /// The page: one self-contained HTML file that loads nothing.
  ///
  /// - Throws: ``MapReporterError/brokenTemplate(name:reason:)``, never for bad input.
  package func html() throws -> String {
    try PageTemplate.render(PageView(ReportFigures(input), theme: .page))
  }

  /// The figures as files of their own, fixed colours on white, below `figures/`.
  package func figures() -> [ExportedFile] {
    ReportFigures(input).all(theme: .standalone).map { figure in
      ExportedFile(path: "figures/\(figure.name).svg", text: figure.svg)
    }
  }

  /// Writes `report.html` and `figures/*.svg`.
  ///
  /// - Parameters:
  ///   - folder: The run folder.
  ///   - check: Called before each file; what it throws ends the writing.
  /// - Returns: The place of the page.
  /// - Throws: `FileError`; what `check` throws.
  @discardableResult
  package func write(to folder: URL, check: () throws -> Void = {}) throws -> URL {
    let page = ExportedFile(path: "report.html", text: try html())
    let figures = figures()
    try MapExport(files: figures + [page], warnings: []).write(to: folder, check: check)
    StaleFigures.remove(
      in: folder.appending(path: "figures").path,
      except: Set(figures.map { String($0.path.dropFirst("figures/".count)) }))
    return folder.appending(path: page.path)
  }
}

/// Figures of an earlier page, which would tell of what is no longer measured.
package enum StaleFigures {
  /// What names of figures begin with, for the page of a run and for a comparison.
  private static let names = [
    "accuracy", "gates", "layers", "overlap", "places-", "scores-", "training",
  ]

  /// Removes the figures in `folder` that this package drew and that are not among `kept`, file names.
  ///
  /// A picture of the user's own stays: it has another name, or was not drawn by ``SVGCanvas``. What cannot
  /// be removed does no harm.
  package static func remove(in folder: String, except kept: Set<String>) {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in found where name.hasSuffix(".svg") && !kept.contains(name) {
      let path = "\(folder)/\(name)"
      guard names.contains(where: name.hasPrefix), isDrawnHere(path) else { continue }
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  private static func isDrawnHere(_ path: String) -> Bool {
    guard let type = try? FileManager.default.attributesOfItem(atPath: path)[.type],
      type as? FileAttributeType == .typeRegular,
      let file = FileHandle(forReadingAtPath: path),
      let start = try? file.read(upToCount: 512)
    else { return false }
    let lines = String(decoding: start, as: UTF8.self).split(separator: "\n")
    return lines.count > 1 && lines[0].hasPrefix("<svg") && lines[0].hasSuffix(SVGCanvas.signature)
      && lines[1].hasPrefix("<title>")
  }
}
