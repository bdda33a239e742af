import Foundation

/// The operating system's words for an error number, starting in lower case.
package func systemMessage(_ code: Int32) -> String {
  guard let text = unsafe strerror(code) else { return "error \(code)" }
  let message = unsafe String(cString: text)
  return message.prefix(1).lowercased() + message.dropFirst()
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
  default: error.localizedDescription.trimmingCharacters(in: ["."])
  }
}
