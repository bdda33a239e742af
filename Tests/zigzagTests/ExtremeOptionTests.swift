import Foundation
import ModelLoader
import TestSupport
import Testing

/// Every option of every verb that takes a value, with values that nobody means.
///
/// The options are those that the tool itself lists, so that a new one is tried without a word here.
@Suite struct ExtremeOptionTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 2, checkpointEvery: 1), to: "run.yaml")
    try scratch.write(
      "name: s\nbase: run.yaml\nvary: {window.recent: [8, 9]}\n", to: "sweep.yaml")
    try scratch.write("1\t0.5\n0.25\t0\n", to: "gates.tsv")
    try scratch.write(
      #"{"0-0": [0.5], "0-1": [0.1], "1-0": [0.2], "1-1": [0.3]}"#, to: "scores.json")
    try scratch.write("\"a b\"\n\"c d e\"\n", to: "documents.jsonl")
    try scratch.write(String(repeating: "A gull sat. ", count: 6), to: "prompt.txt")
    try NumpyFile.write([Int32(1), 2, 3], shape: [3], to: scratch.path("ids.npy"))
  }

  /// A sound command of each verb, to which an option is added.
  private static let commands: [String: [String]] = [
    "run": ["run.yaml", "-q", "--plan"], "calibrate": ["run.yaml", "-q"],
    "search": ["run.yaml", "-q"],
    "evaluate": ["run.yaml", "-q"], "sweep": ["sweep.yaml", "-q"], "samples": ["run.yaml"],
    "import": [ToolFixture.tinyLlama, "out.h5", "-q"], "inspect": ["tiny.h5"],
    "forward": ["tiny.h5", "--tokens", "ids.npy", "--out", "h.npy"],
    "score": [
      "run.yaml", "-q", "--method", "mean-qk", "--set", "scores.samples=1", "--set",
      "scores.context=400", "--set", "scores.documents=1",
    ],
    "convert": ["scores.json", "--format", "qrhead-set", "--out", "converted"],
    "rank": ["scores.json", "--kv-heads", "2", "--sparsity", "0.5"],
    "export": [
      "scores.json", "--kv-heads", "2", "--sparsity", "0.5", "--sink", "1", "--recent", "1",
    ],
    "report": ["--compare", "runs/tiny", "runs/tiny"],
    "bench": [
      "tiny.h5", "--measure", "step,decode,maps", "--lengths", "40", "--labels", "2", "--repeats",
      "1", "--decode-tokens", "1",
    ],
    "tokenize": ["tiny.h5", "--text", "a"],
    "rerank": [
      "tiny.h5", "--heads", "1-0", "--query", "a", "--documents", "documents.jsonl", "-q",
    ],
    "compress": ["tiny.h5", "prompt.txt", "--heads", "1-0", "--tokens", "40", "-q"],
    "generate": ["tiny.h5", "--prompt", "a", "--max-tokens", "2", "--streaming", "1,2"],
  ]
  private static let values = [
    "0", "-1", "2147483648", "4611686018427387904", "9223372036854775807", "9223372036854775808",
    "1e308", "nan", "inf", "x",
  ]
  /// Names of values that are paths or choices: one odd value says enough.
  private static let words: Set = [
    "folder", "file", "path", "run.json", "model", "format", "level", "log-level", "key=value",
    "ids.npy", "headmap.json", "out.npy", "gates", "name", "config.json", "criterion", "type",
    "measures",
    "method", "file.h5",
  ]

  private struct Help: Decodable {
    struct Command: Decodable {
      let commandName: String
      let subcommands: [Command]?
      let arguments: [Argument]?
    }
    struct Argument: Decodable {
      struct Name: Decodable {
        let kind: String
        let name: String
      }
      let kind: String
      let names: [Name]?
      let valueName: String?
    }
    let command: Command
  }

  @Test func everyOption() throws {
    let listed = try scratch.zigzag("--experimental-dump-help")
    let help = try JSONDecoder().decode(Help.self, from: Data(listed.output.utf8))
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    var tried = 0
    for verb in help.command.subcommands ?? [] where verb.commandName != "help" {
      let command = try #require(
        Self.commands[verb.commandName], "give a sound command of \(verb.commandName) here")
      for option in verb.arguments ?? [] where option.kind == "option" {
        let name = try #require(option.names?.first { $0.kind == "long" }).name
        let isWord = Self.words.contains(option.valueName ?? "")
        for value in isWord ? ["nan"] : Self.values {
          let arguments = [verb.commandName] + command + ["--\(name)=\(value)"]
          let outcome = try ToolRunner.run(arguments, in: scratch.path)
          tried += 1
          #expect(
            [0, 64, 65, 66, 73].contains(outcome.code),
            "\(arguments.joined(separator: " ")): \(outcome.code) \(outcome.errors.prefix(500))")
          #expect(outcome.errors.utf8.count < 4000)
        }
      }
    }
    #expect(tried > 100)
  }

  @Test(arguments: [
    "9223372036854775807,9223372036854775807", "0,9223372036854775808", "1e308,1",
    "-1,1", "1,0", "1000000000,1000000000", ",", "1,1,1",
  ])
  func windows(text: String) throws {
    let outcome = try scratch.zigzag(
      "forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy", "--streaming=\(text)")
    #expect(outcome.code == (text.hasPrefix("1000000000,") ? 0 : 64), "\(outcome.errors)")
  }

  /// The same numbers where they come from a map.
  @Test(arguments: [
    ("sink", "9223372036854775807", Int32(65)), ("recent", "9223372036854775807", 65),
    ("recent", "0", 65), ("sink", "-1", 65), ("sink", "1000000000", 0), ("recent", "1e308", 65),
  ])
  func windowsOfMaps(key: String, value: String, code: Int32) throws {
    #expect(
      try scratch.zigzag("export", "gates.tsv", "-s", "0.5", "--sink", "1", "--recent", "2").code
        == 0)
    let text = try scratch.text(of: "export/headmap.json").replacing(
      try Regex("\"\(key)\": [0-9]+"), with: "\"\(key)\": \(value)")
    try scratch.write(text, to: "map.json")
    let outcome = try scratch.zigzag(
      "forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy", "--map", "map.json")
    #expect(outcome.code == code, "\(outcome.errors)")
  }
}
