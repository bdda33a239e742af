import MapReporter
import ModelLoader
import Support
import Transformer

/// Says before each write whether the process may still write: the folder is its own, and what it computes
/// from is what it was.
final class FolderGuard: Sendable {
  private let lock: RunLock
  private let inputs = Locked<WatchedInputs?>(nil)

  /// The guard of a locked folder.
  init(_ lock: RunLock) { self.lock = lock }

  /// From now on `inputs` must stay as they are.
  func watch(_ inputs: WatchedInputs) { self.inputs.withLock { $0 = inputs } }

  /// Refuses to go on where another process may have the folder, or an input has changed.
  ///
  /// - Throws: ``RunError/lockLost(folder:)``, `FileError.changed`.
  func check() throws {
    try lock.requireHeld()
    try inputs.withLock { $0 }?.requireUnchanged()
  }
}

/// The files a run computes from.
///
/// Texts are read whole, but not all at once: a text counts as changed when its content does. The model is
/// mapped, and counts as changed when somebody writes into it.
final class WatchedInputs: Sendable {
  private let model: LoadedModel
  /// SHA-256 of each text, by its path.
  let texts: [String: String]
  private let stamps: Locked<[String: FileStamp]>

  /// The model of a run and its texts as they are now.
  init(_ model: LoadedModel, _ configuration: RunConfiguration) {
    self.model = model
    // Stamps before hashes: a text that is written between the two is read again.
    stamps = Locked(
      configuration.textFiles.reduce(into: [:]) { $0[$1] = FileStamp(path: $1) })
    texts = configuration.textHashes()
  }

  /// Refuses inputs that are not what they were.
  ///
  /// - Throws: `FileError.changed`.
  func requireUnchanged() throws(FileError) {
    try model.requireUnchanged()
    for (path, hash) in texts {
      let now = FileStamp(path: path)
      // A text that is gone cannot mislead; whoever still needs it refuses by itself.
      guard let now, now != stamps.withLock({ $0[path] }) else { continue }
      guard TextFile.sha256(of: path) == hash else { throw .changed(path: path) }
      stamps.withLock { $0[path] = now }
    }
  }
}
