import CZlib

/// CRC-32 (ISO-HDLC, polynomial 0xEDB88320), the checksum of zip entries, by the system's zlib.
package enum CRC32 {
  /// The checksum of `bytes`; that of "123456789" is 0xCBF43926.
  package static func of(_ bytes: [UInt8]) -> UInt32 {
    UInt32(
      truncatingIfNeeded: unsafe bytes.withUnsafeBufferPointer {
        unsafe crc32_z(0, $0.baseAddress, $0.count)
      })
  }
}
