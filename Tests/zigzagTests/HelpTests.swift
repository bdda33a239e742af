import TestSupport
import Testing

@Suite struct HelpTests {
  @Test(arguments: [
    "run", "import", "inspect", "forward", "calibrate", "rank", "evaluate", "export", "report",
    "bench", "sweep", "tokenize",
  ])
  func everyVerbTeaches(verb: String) throws {
    let help = try ToolRunner.run([verb, "--help"])
    #expect(help.code == 0)
    #expect(help.errors.isEmpty)
    #expect(help.output.contains("USAGE: zigzag \(verb)"))
    #expect(help.output.contains("\n  zigzag \(verb) "), "an example of its own")
    for option in ["--quiet", "--log-level"] {
      #expect(help.output.contains(option))
    }
    #expect(try ToolRunner.run([]).output.contains("\n  \(verb) "))
  }

  @Test(arguments: ["run", "calibrate", "evaluate", "sweep"])
  func verbsThatReadAConfigurationTakeOverrides(verb: String) throws {
    #expect(try ToolRunner.run(["help", verb]).output.contains("--set <key=value>"))
  }

  @Test func anUnknownOptionIsAUsageError() throws {
    let outcome = try ToolRunner.run(["rank", "--colour"])
    #expect(outcome.code == 64)
    #expect(outcome.output.isEmpty)
  }
}
