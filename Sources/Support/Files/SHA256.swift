import CCrypto
import Foundation

/// SHA-256 (FIPS 180-4) of bytes that come in pieces, by the system's libcrypto.
@safe
package final class SHA256 {
  private let context: OpaquePointer

  /// The hash of no bytes yet.
  package init() {
    // It fails only where there is no memory for some hundred bytes.
    guard let context = unsafe EVP_MD_CTX_new(),
      unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    else { preconditionFailure("libcrypto offers no SHA-256") }
    unsafe self.context = context
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  /// Adds `bytes` without copying them.
  package func update(_ bytes: RawSpan) {
    let status = unsafe bytes.withUnsafeBytes {
      unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
    }
    precondition(status == 1, "libcrypto cannot add \(bytes.byteCount) bytes to a hash")
  }

  /// The hash of all bytes, 64 lower-case hexadecimal digits; to be called once.
  package func finish() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    let status = unsafe EVP_DigestFinal_ex(context, &digest, nil)
    precondition(status == 1, "libcrypto cannot finish a hash")
    let digits = Array("0123456789abcdef")
    return String(digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}

/// Whether a text is written as a SHA-256 is here: 64 lower-case hexadecimal digits.
package func isSHA256(_ text: String) -> Bool {
  text.utf8.count == 64
    && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
}

/// The SHA-256 of a text's UTF-8 bytes, 64 lower-case hexadecimal digits.
package func sha256(of text: String) -> String {
  sha256(of: Data(text.utf8))
}

/// The SHA-256 of bytes, 64 lower-case hexadecimal digits.
package func sha256(of data: Data) -> String {
  let hash = SHA256()
  hash.update(data.bytes)
  return hash.finish()
}
