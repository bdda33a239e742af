import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Runs
import Support
import TestSupport
import Testing

/// Files of a megabyte made to cost as much time and memory as a file can.
extension FuzzTests {
  private static let size = 1 << 20

  /// `head`, then `part` again and again, then `tail`.
  private static func text(_ head: String, _ part: String, _ tail: String) -> [UInt8] {
    Array(head.utf8)
      + Array(repeatElement(Array(part.utf8), count: size / part.utf8.count).joined())
      + Array(tail.utf8)
  }

  /// `head`, then `part` for each of many numbers, then `tail`.
  private static func numbered(
    _ head: String, _ tail: String, count: Int = 80_000, _ part: (Int) -> String
  ) -> [UInt8] {
    Array((head + (0..<count).map(part).joined() + tail).utf8)
  }

  /// Reads `bytes` with `parse` and expects no more than the limits of a campaign.
  private func expectCheap(
    _ name: String, _ bytes: [UInt8], _ parse: (_ path: String) throws -> Void
  ) throws {
    try FuzzCampaign(
      parser: "cost-\(name)", suffix: ".txt", seeds: [], mutate: { _ in bytes }, named: ""
    ).run(count: 1, parse)
  }

  @Test func costlyTokenizers() throws {
    let model = #""model": {"type": "BPE", "merges": [], "vocab": {"a": 0"#
    let files = [
      Self.text(
        #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "added_tokens": [0"#, ",0",
        "]}"),
      Self.text("[0", ",0", "]"), Self.text("[[]", ",[]", "]"), Self.text("", "[", ""),
      Self.text(#"{"a":0"#, #","a":0"#, "}"),
      Self.text(
        #"{"model": {"type": "BPE", "vocab": {"a": 0, "aa": 1}, "merges": ["a a""#, #","a a""#,
        "]}}"),
      Self.numbered("{" + model, "}}}") { #","k\#($0)":\#($0 + 1)"# },
      Self.numbered(
        #"{"added_tokens": [{"id": 1, "content": "b"}"#, "]," + model + "}}}", count: 20_000
      ) {
        #",{"id":\#($0 + 2),"content":"b\#($0)"}"#
      },
      Array(("{" + model + #", "b": 4194303}}}"#).utf8),
      Self.text(
        "{\"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {\"a\": 0}}, \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}",
        #",{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#, "]}}"),
    ]
    for file in files {
      try expectCheap("tokenizer", file) { path in
        let tokenizer = try Tokenizer(json: try Data(contentsOf: URL(fileURLWithPath: path)))
        _ = tokenizer.decode(tokenizer.encode(String(repeating: "abab ", count: 100)))
      }
    }
  }

  /// Nine aliases a line, of the line before, each behind `before`.
  private static func laughs(_ before: String) -> [UInt8] {
    let lines = (1..<30).map { level in
      "a\(level): &a\(level) ["
        + repeatElement("\(before)*a\(level - 1)", count: 9).joined(separator: ",") + "]\n"
    }
    return Array(("a0: &a0 [x,x,x]\n" + lines.joined()).utf8)
  }

  /// Few aliases of a list as long as a configuration may have.
  private static let longAliases =
    Array(("a0: &a0 [x" + String(repeating: ",x", count: 120_000) + "]\n").utf8)
    + (1...8).flatMap { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n? *a\($0)\n: 1\n".utf8 }

  @Test func costlyConfigurations() throws {
    var laughs = "a0: &a0 [x, x]\n"
    for level in 1..<40 {
      laughs += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n? *a\(level)\n: 1\n"
    }
    let files = [
      Self.text("name: [a", ",a", "]"), Self.text("", "- ", ""), Self.text("", "[", ""),
      Self.text("", "? ", ""), Self.text("a: ", "&a ", ""), Self.text("", "{a: ", ""),
      Self.numbered("", "") { "k\($0): 1\n" }, Array(laughs.utf8), Self.text("", "#", ""),
      Self.text("name: \"", "\\n", "\""), Self.text("", "k", ": 1"),
      Self.laughs("\u{2028}"), Self.laughs("\u{85}"), Self.longAliases,
      Self.text("name: \"", "*a ", "\""),
    ]
    for file in files {
      try expectCheap("configuration", Array(file.prefix(1 << 18))) { path in
        _ = try RunConfiguration(try ConfigurationDocument(contentsOf: path))
      }
    }
  }

  @Test func costlyTables() throws {
    for file in [
      Self.text("", "\n", ""), Self.text("0", "\t0", ""), Self.text("", "0\n", ""),
      Self.text("", "1e-3 0\n", ""), Self.text("", "0", ""),
    ] {
      try expectCheap("gates", file) { _ = try GateMatrix(contentsOf: $0) }
    }
    for file in [
      Self.text("a", "\na", ""), Self.text("a", ",a", ""), Self.text("", "\n", ""),
      Self.text("a,b\n", ",\n", ""), Self.text("\"", "\"\"", ""),
    ] {
      try expectCheap("tables", file) { _ = try CurveTable.read(from: URL(fileURLWithPath: $0)) }
    }
    for file in [
      Self.text("{\"gates\": [[]", ",[]", "]}"), Self.text("{\"gates\": [0", ",0", "]}"),
      Self.text("", "[", ""), Self.numbered("{\"a\": 0", "}") { ",\"k\($0)\":0" },
    ] + Self.costlyJSON {
      try expectCheap("headmap", file) { _ = try HeadMap.read(from: URL(fileURLWithPath: $0)) }
    }
  }

  /// JSON that costs a reader as much as it can, whatever it is for.
  private static let costlyJSON = [
    // One key again and again, at once and within objects of many keys.
    text("{\"k\":0", ",\"k\":0", "}"), text("[{\"k\":0}", ",{\"k\":0,\"k\":0}", "]"),
    numbered("{\"a\": 0", ",\"k79999\": 0}") { ",\"k\($0)\":0" },
    // Keys of one length and one beginning.
    numbered("{\"a\": 0", "}", count: 20_000) {
      ",\"\(String(repeating: "k", count: 40))\($0)\":0"
    },
    text("[{}", ",{}", "]"), text("[{\"\":{\"\":[]}}", ",{\"\":{\"\":[]}}", "]"),
    text("[" + String(repeating: "[", count: 62) + "0", ",0", ""),
    text("[\"", "\\u0000", "\"]"), text("[\"", "\\ud83e\\udd93", "\"]"), text("[\"", "\\\"", "\"]"),
    text("[\"\"", ",\"sixteen letters..\"", "]"), text("[-0", ",1.5e300", "]"),
    text("", "\n", "x"), text("[", "1", "]"), text("[0.", "1", "]"), text("\"", "a", ""),
  ]

  @Test func costlyRecords() throws {
    for file in Self.costlyJSON {
      try expectCheap("run-record", file) { _ = try RunRecord.read($0) }
      try expectCheap("sweep-record", file) { _ = try SweepRecord.read($0) }
      try expectCheap("search", file) { _ = StoredSearch(reading: $0) }
      try expectCheap("scores", file) { _ = try GateMatrix(retrievalScores: $0, keyValueHeads: 1) }
      try expectCheap("head-scores", file) { _ = try HeadScoreFile(contentsOf: $0) }
    }
    for file in Self.costlyJSON {
      try expectCheap("metadata", file) {
        let bytes = try TextFile.bytes(at: $0, what: "file", limit: FileLimit.index)
        _ = try MetadataValue.object(json: bytes, path: $0)
      }
    }
  }

  @Test func costlyScores() throws {
    for file in [
      Self.text("[[\"0-0\", 0]", ",[\"1-1\", 0]", "]"), Self.text("attn_head_set: 0-0", ",0-0", ""),
      Self.numbered("attn_head_set: 0-0", "") { ",\($0 / 4096)-\($0 % 4096)" },
      Self.numbered("[[\"0-0\", 0]", "]") { ",[\"\($0 / 4096)-\($0 % 4096)\",1]" },
      Self.text("", "\n", ""), Self.text("", "#", ""), Self.text("attn_head_set: \"", "a", ""),
      Self.text("", "attn_head_set: 0-0\n", ""), Self.text("PK\u{3}\u{4}", "PK\u{5}\u{6}", ""),
    ] {
      try expectCheap("head-scores", file) { path in
        _ = try HeadScoreFile(contentsOf: path).scores(layers: 64, queryHeads: 64)
      }
    }
  }

  @Test func costlyCheckpoints() throws {
    for header in [
      Self.text("{\"a\": [0", ",0", "]}"), Self.text("{\"a\": [[]", ",[]", "]}"),
      Self.text("", "{\"a\":", ""), Self.text("{\"a\": [\"\"", ",\"\"", "]}"),
      Self.numbered("{\"a\": 0", "}") { ",\"k\($0)\":{}" },
    ] {
      var file = [UInt8](repeating: 0, count: 8)
      ByteMutator.put(UInt64(header.count), 8, at: 0, &file)
      try expectCheap("safetensors", file + header) { _ = try SafetensorsFile(path: $0) }
    }
  }
}
