import MapReporter
import Runs
import Testing

/// Aliases, as the YAML library itself sees them.
@Suite struct YAMLAliasTests {
  private func problem(_ yaml: String, _ overrides: [String] = []) -> String {
    do {
      _ = try ConfigurationDocument(yaml: yaml, path: "x.yaml", overrides: overrides)
      return ""
    } catch {
      return "\(error)"
    }
  }

  /// Nine aliases a line, `levels` lines, with `before` in front of each star.
  private func laughs(_ before: String, levels: Int = 20) -> String {
    "a0: &a0 [x, x, x]\n"
      + (1..<levels).map { level in
        let items = Array(repeating: "\(before)*a\(level - 1)", count: 9)
        return "a\(level): &a\(level) [\(items.joined(separator: ","))]\n"
      }.joined()
  }

  /// Whatever may stand before an alias, line breaks of Unicode included.
  @Test(arguments: [
    "", " ", "\t", "\n  ", "\r\n ", "\u{2028}", "\u{2029}", "\u{85}", " # *a\n  ",
    "!!seq ", "\u{2028}\u{2028} ",
  ])
  func aliasesAreCounted(before: String) {
    let problem = problem(laughs(before))
    #expect(
      problem.contains("more than 16 aliases") || problem.contains("not valid YAML"), "\(problem)")
  }

  @Test func aliasesAsKeysAndInBlocks() {
    var keys = "a0: &a0 [x, x]\n"
    for level in 1..<40 {
      keys += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n? *a\(level)\n: 1\n"
    }
    #expect(problem(keys).contains("more than 16 aliases"))
    let block = "a: &a 1\nb:\n" + String(repeating: "  - *a\n", count: 17)
    #expect(
      problem(block) == "x.yaml:19: there are more than 16 aliases (*name); write the values out.")
    #expect(problem("a: &a 1\nb:\n" + String(repeating: "  - *a\n", count: 16)).isEmpty)
  }

  /// What only looks like one.
  @Test(arguments: [
    ("a: \"", " *word", "\""), ("a: '", " *word", "'"), ("# ", " *word", "\na: 1"),
    ("a: |\n  ", " *word", ""), ("a: >-\n  ", " *word", ""), ("a: b", " *word", ""),
    ("a: [\"", "*a,", "\"]"),
  ])
  func starsInTextsAreNone(head: String, part: String, tail: String) {
    let problem = problem(head + String(repeating: part, count: 100) + tail + "\n")
    #expect(problem.isEmpty, "\(problem)")
  }

  /// Sixteen aliases of a long list, each of which holds all before it.
  @Test func whatFewAliasesStandForIsLimited() {
    var yaml = "a0: &a0 [\(Array(repeating: "x", count: 4000).joined(separator: ","))]\n"
    for level in 1...8 {
      yaml += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n"
    }
    #expect(problem(yaml).contains("stand for more than a text of this size may hold"))
  }

  /// A value on the command line is YAML too.
  @Test func overridesAreLimitedToo() {
    let text = laughs("").replacing("\n", with: ", ")
    let problem = problem("a: 1\n", ["a={\(text)}"])
    #expect(problem.contains("more than 16 aliases"), "\(problem)")
    #expect(self.problem("a: 1\n", ["a={b: &b [1, 2], c: *b}"]).isEmpty)
    #expect(self.problem("a: &a 1\n", ["b=*a"]).contains("not YAML"))
  }

  @Test func aSoundAliasIsRead() {
    #expect(problem("a: &a {b: [1, 2]}\nc: *a\nd: [*a, *a]\n").isEmpty)
    // An anchor that is given twice means the last one before the alias.
    #expect(problem("a: &a 1\nb: &a [1, 2]\nc: *a\n").isEmpty)
    #expect(problem("a: *nobody\n").contains("undefined alias"))
  }
}
