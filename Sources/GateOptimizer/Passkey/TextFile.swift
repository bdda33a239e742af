import Foundation

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
      throw .unreadable(file: path, reason: reason(of: error))
    }
  }

  /// The system's reason for a failed read or write, in a few words.
  static func reason(of error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    let system = underlying ?? (error as NSError)
    if system.domain == NSPOSIXErrorDomain, let code = POSIXErrorCode(rawValue: Int32(system.code))
    {
      return POSIXError(code).localizedDescription
    }
    return error.localizedDescription
  }
}
