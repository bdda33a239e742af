import Foundation
import TestSupport
import Testing

@Suite struct HelpTests {
  /// The verbs that the tool itself lists.
  private static let verbs: [String] = {
    struct Command: Decodable {
      let commandName: String
      let subcommands: [Command]?
    }
    struct Dump: Decodable { let command: Command }
    let text = (try? ToolRunner.run(["--experimental-dump-help"]).output) ?? ""
    let dump = try? JSONDecoder().decode(Dump.self, from: Data(text.utf8))
    return (dump?.command.subcommands ?? []).map(\.commandName).filter { $0 != "help" }
  }()

  @Test func everyVerbTeaches() throws {
    #expect(Self.verbs.count > 10)
    let overview = try ToolRunner.run([]).output
    let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../README.md").standardizedFileURL.path
    let page = try String(contentsOfFile: readme, encoding: .utf8)
    for verb in Self.verbs {
      let help = try ToolRunner.run([verb, "--help"])
      #expect(help.code == 0)
      #expect(help.errors.isEmpty)
      #expect(help.output.contains("USAGE: zigzag \(verb)"))
      #expect(help.output.contains("\n  zigzag \(verb) "), "an example of its own: \(verb)")
      for option in ["--quiet", "--log-level"] {
        #expect(help.output.contains(option))
      }
      #expect(overview.contains("\n  \(verb) "))
      #expect(page.contains("| `\(verb) "), "README.md: \(verb)")
    }
  }

  @Test(arguments: ["run", "calibrate", "evaluate", "sweep"])
  func verbsThatReadAConfigurationTakeOverrides(verb: String) throws {
    #expect(try ToolRunner.run(["help", verb]).output.contains("--set <key=value>"))
  }

  @Test func theVersionNamesTheCommit() throws {
    let outcome = try ToolRunner.run(["--version"])
    #expect(outcome.code == 0)
    // What make did not build has the version alone.
    let commit = ProcessInfo.processInfo.environment["ZIGZAG_COMMIT"] ?? ""
    #expect(commit.isEmpty || outcome.output.hasSuffix(" (\(commit))\n"))
    #expect(
      outcome.output.contains(/^\d+\.\d+\.\d+( \([0-9a-f]{10,}\+?\))?\n$/), "\(outcome.output)")
  }

  @Test func anUnknownOptionIsAUsageError() throws {
    let outcome = try ToolRunner.run(["rank", "--colour"])
    #expect(outcome.code == 64)
    #expect(outcome.output.isEmpty)
  }
}
