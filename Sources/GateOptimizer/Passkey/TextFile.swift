import Foundation
import ModelLoader

/// Reading whole small files with errors a user can act on.
enum TextFile {
  /// The bytes of the file at `path`, refused above `limit` bytes.
  static func bytes(at path: String, limit: Int) throws(GateOptimizerError) -> Data {
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      let data = try file.read(upToCount: limit + 1) ?? Data()
      if data.count > limit {
        throw GateOptimizerError.unreadable(
          file: path, reason: "it is larger than \(limit >> 20) MiB")
      }
      return data
    } catch let error as GateOptimizerError {
      throw error
    } catch {
      throw .unreadable(file: path, reason: systemMessage(of: error))
    }
  }
}
