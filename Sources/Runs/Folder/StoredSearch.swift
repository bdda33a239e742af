import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support

/// A search on its way, as a file of the run folder.
package struct StoredSearch: Codable {
  /// What the search belongs to: model, gates and settings.
  package let identity: String
  /// How far it is.
  package let state: SearchState

  /// A search that belongs to `identity`.
  package init(identity: String, state: SearchState) {
    (self.identity, self.state) = (identity, state)
  }

  /// The search at `path`; nil where there is none or the file is damaged.
  package init?(reading path: String) {
    guard let data = try? TextFile.bytes(at: path, what: "search", limit: FileLimit.search),
      let stored = try? JSONReader.read(data).decode(StoredSearch.self)
    else { return nil }
    self = stored
  }

  /// The file's text.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}
