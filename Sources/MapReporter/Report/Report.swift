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
