import Foundation

/// The operating system's words for an error number, starting in lower case.
package func systemMessage(_ code: Int32) -> String {
  if code == ENOTDIR { return "a part of its path is a file and no folder" }
  guard let text = unsafe strerror(code) else { return "error \(code)" }
  let message = unsafe String(cString: text)
  return message.prefix(1).lowercased() + message.dropFirst()
}

/// Why the folder at `path` could not be created: what stands in its place or on the way to it, or else the
/// operating system's words for `error`.
package func systemMessage(of error: any Error, creating path: String) -> String {
  let parts = path.split(separator: "/", omittingEmptySubsequences: false)
  for count in 1...max(1, parts.count) {
    let place = parts.prefix(count).joined(separator: "/")
    var isFolder: ObjCBool = false
    if !place.isEmpty,
      unsafe FileManager.default.fileExists(atPath: place, isDirectory: &isFolder),
      !isFolder.boolValue
    {
      return "\(place) is there and is no folder; remove it or name another place"
    }
  }
  return systemMessage(of: error)
}

/// Why Foundation could not read or write a file, in the operating system's words.
package func systemMessage(of error: any Error) -> String {
  let outer = error as NSError
  let system = outer.userInfo[NSUnderlyingErrorKey] as? NSError ?? outer
  if system.domain == NSPOSIXErrorDomain {
    return systemMessage(Int32(truncatingIfNeeded: system.code))
  }
  return switch (error as? CocoaError)?.code {
  case .fileNoSuchFile, .fileReadNoSuchFile: systemMessage(ENOENT)
  case .fileReadNoPermission, .fileWriteNoPermission: systemMessage(EACCES)
  case .fileWriteOutOfSpace: systemMessage(ENOSPC)
  case .fileWriteVolumeReadOnly: systemMessage(EROFS)
  case .fileWriteFileExists: systemMessage(EEXIST)
  case .fileReadTooLarge: systemMessage(EFBIG)
  case .fileReadInvalidFileName, .fileWriteInvalidFileName:
    "a file cannot have that name"
  case .fileReadInapplicableStringEncoding, .fileReadUnknownStringEncoding,
    .fileReadCorruptFile:
    "it is not UTF-8 text"
  case .fileReadUnsupportedScheme, .fileWriteUnsupportedScheme, .fileReadUnknown,
    .fileWriteUnknown:
    "the system does not say why"
  default:
    // Foundation's own words where it has some, never the name of its domain.
    outer.domain == NSCocoaErrorDomain
      ? "the system does not say why"
      : error.localizedDescription.shown().trimmingCharacters(in: ["."])
  }
}
