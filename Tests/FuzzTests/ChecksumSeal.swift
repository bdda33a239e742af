import ModelLoader
import TestSupport

/// Makes the checksums of a damaged HDF5 file right again, so that damage gets past them.
struct ChecksumSeal {
  /// Where a checksummed part of the file starts and where its checksum stands.
  private struct Part {
    let start: Int
    let end: Int
    let checksum: Int
  }

  private let parts: [Part]
  /// How many checksums were found.
  var count: Int { parts.count }

  /// Finds the parts of a sound file: after each signature, the length at which the checksum fits.
  init(_ file: [UInt8]) {
    var parts: [Part] = []
    let signatures = [
      "\u{89}HDF", "OHDR", "OCHK", "FRHP", "FHIB", "BTHD", "BTIN", "BTLF", "FAHD", "FADB", "EAHD",
    ].map { $0.unicodeScalars.map { UInt8($0.value) } }
    for start in file.indices.dropLast(8) {
      let head = Array(file[start..<start + 4])
      if signatures.contains(head), let part = Self.part(of: file, at: start) {
        parts.append(part)
      } else if head == Array("FHDB".utf8), let part = Self.directBlock(of: file, at: start) {
        parts.append(part)
      }
    }
    self.parts = parts
  }

  private static func part(of file: [UInt8], at start: Int) -> Part? {
    for end in start + 8..<max(start + 8, min(file.count - 4, start + 4096))
    where word(file, end) == HDF5Checksum.of(file[start..<end]) {
      return Part(start: start, end: end, checksum: end)
    }
    return nil
  }

  /// A direct block of a fractal heap, whose checksum counts as zeros in itself.
  private static func directBlock(of file: [UInt8], at start: Int) -> Part? {
    for offsetBytes in 4...5 {
      let checksum = start + 13 + offsetBytes
      for end in (9...16).map({ start + 1 << $0 }) where end <= file.count {
        var block = Array(file[start..<end])
        ByteMutator.put(0, 4, at: checksum - start, &block)
        if word(file, checksum) == HDF5Checksum.of(block) {
          return Part(start: start, end: end, checksum: checksum)
        }
      }
    }
    return nil
  }

  private static func word(_ file: [UInt8], _ place: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(file[place + $1]) << UInt32(8 * $1) }
  }

  /// Puts the right checksums into `file`, a sound file with some bytes changed.
  func reseal(_ file: inout [UInt8]) {
    for part in parts where part.end <= file.count && part.checksum + 4 <= file.count {
      var block = Array(file[part.start..<part.end])
      if part.checksum < part.end { ByteMutator.put(0, 4, at: part.checksum - part.start, &block) }
      ByteMutator.put(UInt64(HDF5Checksum.of(block)), 4, at: part.checksum, &file)
    }
  }
}
