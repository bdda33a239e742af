/// Why a text is not JSON, or not JSON that has one meaning.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  /// The line, from 1.
  package let line: Int
  /// The place in the file, from 0.
  package let byteOffset: Int
  /// What is there, or what was expected: a clause without a place.
  package let problem: String
  /// Whether a key is there a second time, rather than that the text is not JSON.
  package let isKeyTwice: Bool

  /// One clause: the line, the problem and, for a key that is there twice, what to do.
  package var description: String {
    isKeyTwice
      ? "line \(line): \(problem); keep one of them"
      : "not JSON: \(problem) on line \(line) (byte \(byteOffset))"
  }

  /// This error as one of the file at `path`; `format` is what the file should hold, for the message.
  package func inFile(_ path: String, format: String = "a JSON object") -> FileError {
    .invalid(
      path: path, place: "line \(line)", expected: isKeyTwice ? "each key once" : format,
      found: isKeyTwice ? problem : "other text at byte \(byteOffset): \(problem)",
      fix: isKeyTwice
        ? "keep one of them" : "correct the file or fetch it again")
  }
}
