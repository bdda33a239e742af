import Foundation

/// Figures of an earlier page, which would tell of what is no longer measured.
package enum StaleFigures {
  /// What names of figures begin with, for the page of a run and for a comparison.
  private static let names = ["accuracy", "gates", "layers", "overlap", "places-", "training"]

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
