import Support
import Testing

/// Expects `body` to fail with an error of `category` whose one sentence contains all of `words`.
package func expectError<Result>(
  _ category: ErrorCategory = .badData, _ words: String...,
  sourceLocation: SourceLocation = #_sourceLocation, from body: () throws -> Result
) {
  do {
    _ = try body()
    Issue.record("no error, expected one with \(words)", sourceLocation: sourceLocation)
  } catch let error as FileError {
    #expect(error.category == category, "\(error)", sourceLocation: sourceLocation)
    for word in words {
      #expect(error.description.contains(word), "\(error)", sourceLocation: sourceLocation)
    }
    let last = error.description.last
    #expect(last == "." || last == "?", sourceLocation: sourceLocation)
    #expect(!error.description.contains("\n"), sourceLocation: sourceLocation)
  } catch {
    Issue.record("another error: \(error)", sourceLocation: sourceLocation)
  }
}
