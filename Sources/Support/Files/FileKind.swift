/// What a file is by its first bytes, to name it where another kind was expected.
package enum FileKind: Sendable {
  case gitLFSPointer
  case numpyArray
  case numpyArchive
  case zipArchive
  case pickle
  case gzip
  case hdf5
  case gguf
  case utf16Text

  /// The first bytes of a NumPy array's file.
  package static let numpyMagic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// The kind of a file that begins with `bytes`, of which 64 are enough; nil for any other.
  package init?(beginning bytes: some Collection<UInt8>) {
    let bytes = Array(bytes.prefix(64))
    func begins(_ text: String) -> Bool { bytes.starts(with: text.utf8) }
    if begins("version https://git-lfs.github.com/spec/") {
      self = .gitLFSPointer
    } else if bytes.starts(with: Self.numpyMagic) {
      self = .numpyArray
    } else if begins("PK\u{3}\u{4}") {
      // A local header: the length of the first name at 26, the name at 30.
      let length = bytes.count > 30 ? Int(bytes[26]) | Int(bytes[27]) << 8 : 0
      let name = bytes.dropFirst(30).prefix(length)
      self = name.suffix(4).elementsEqual(".npy".utf8) ? .numpyArchive : .zipArchive
    } else if bytes.count > 1, bytes[0] == 0x80, (2...5).contains(bytes[1]) {
      self = .pickle
    } else if bytes.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if bytes.starts(with: [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .hdf5
    } else if begins("GGUF") {
      self = .gguf
    } else if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      self = .utf16Text
    } else {
      return nil
    }
  }

  /// The kind with its article, as a message names what was found.
  package var name: String {
    switch self {
    case .gitLFSPointer: "a Git LFS pointer, which stands for the file itself"
    case .numpyArray: "a NumPy array (.npy)"
    case .numpyArchive: "a NumPy archive (.npz)"
    case .zipArchive: "a zip archive"
    case .pickle: "a pickle, which can run any code when it is read"
    case .gzip: "a gzip file"
    case .hdf5: "an HDF5 file"
    case .gguf: "a GGUF file"
    case .utf16Text: "text in UTF-16"
    }
  }
}
