import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

/// KVzip's tensors: files that torch wrote, and what is no such file.
@Suite struct KVzipScoresTests {
  private let scratch: TemporaryFolder
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures/kvzip")

  init() throws { scratch = try TemporaryFolder() }

  private static func published(_ name: String) throws -> [UInt8] {
    let url = fixtures.appending(path: "\(name)-scbench_qa_eng-0.pt")
    return [UInt8](try Data(contentsOf: url))
  }

  private func read(_ bytes: [UInt8]) throws -> HeadScores {
    let path = scratch.path("scores.pt")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let file = try HeadScoreFile(contentsOf: path)
    #expect(file.format == .kvzip)
    return try file.scores()
  }

  private func refusal(_ bytes: [UInt8]) -> String {
    do {
      _ = try read(bytes)
      return ""
    } catch {
      return "\(error)"
    }
  }

  private struct Truth: Sendable {
    let name: String
    let layers: Int
    let heads: Int
    let first: [Double]
    let largest: HeadPlace
    /// How many heads share the largest value, 1.
    let count: Int
    let smallest: (HeadPlace, Double)
    let sum: Double
  }

  /// What torch 2 says of the published files; bfloat16 misread as float16 would reach 1.875.
  private static let truths = [
    Truth(
      name: "llama3.1-8b", layers: 32, heads: 8, first: [0.470703125, 0.1812744140625],
      largest: HeadPlace(layer: 5, head: 2), count: 5,
      smallest: (HeadPlace(layer: 2, head: 4), 0.0152435302734375), sum: 145.76683044433594),
    Truth(
      name: "qwen2.5-14b", layers: 48, heads: 8, first: [0.11083984375, 0.232421875],
      largest: HeadPlace(layer: 5, head: 0), count: 70,
      smallest: (HeadPlace(layer: 1, head: 6), 0.031005859375), sum: 248.632080078125),
    Truth(
      name: "qwen2.5-7b", layers: 28, heads: 4, first: [1, 0.5],
      largest: HeadPlace(layer: 0, head: 0), count: 32,
      smallest: (HeadPlace(layer: 11, head: 2), 0.11328125), sum: 86.8505859375),
  ]

  @Test(arguments: truths) private func publishedTensors(truth: Truth) throws {
    let scores = try read(Self.published(truth.name))
    #expect(scores.unit == .keyValue)
    #expect((scores.layers, scores.heads) == (truth.layers, truth.heads))
    #expect(Array(scores.values.prefix(2)) == truth.first)
    #expect(scores.ranked.first == truth.largest && scores.ranked.last == truth.smallest.0)
    #expect(scores.values.max() == 1 && scores.values.count { $0 == 1 } == truth.count)
    #expect(scores.values.min() == truth.smallest.1)
    #expect(scores.values.reduce(0, +) == truth.sum)
    #expect(scores.gates(keyValueHeads: truth.heads).values == scores.values)
  }

  /// Half of them has bits that float16 keeps: written and read, they are the same.
  @Test func whatIsWrittenIsRead() throws {
    let scores = try read(Self.published("llama3.1-8b"))
    let record = ScoreRecord(method: "kvzip", scores: scores, keyValueHeads: 8)
    let bytes = [UInt8](try HeadScoreFormat.kvzip.bytes(of: record, file: "a.pt"))
    #expect(try read(bytes) == scores)
    let large = HeadScores(unit: .query, rows: [[1, 2], [3, 70_000]])
    let error = #expect(throws: FileError.self) {
      try HeadScoreFormat.kvzip.bytes(
        of: ScoreRecord(method: "x", scores: large, keyValueHeads: 1), file: "a.pt")
    }
    #expect(
      error?.description.contains("that float16 has room for, found 70000.0 for the head 1-0")
        == true)
  }

  // MARK: Archives made here

  /// Instructions of a pickle: what torch writes of a tensor with these numbers.
  private static func pickle(
    storage: String = "HalfStorage", offset: UInt8 = 0, sizes: [UInt8], strides: [UInt8],
    call: String = "torch._utils\n_rebuild_tensor_v2", key: String = "0"
  ) -> [UInt8] {
    func tuple(_ values: [UInt8]) -> [UInt8] {
      Array("(".utf8) + values.flatMap { [UInt8(ascii: "K"), $0] } + Array("t".utf8)
    }
    func text(_ value: String) -> [UInt8] {
      [UInt8(ascii: "X"), UInt8(value.utf8.count), 0, 0, 0] + Array(value.utf8)
    }
    return [0x80, 2] + Array("c\(call)\n((".utf8) + text("storage")
      + Array("ctorch\n\(storage)\n".utf8) + text(key) + text("cpu") + Array("K\u{6}tQK".utf8)
      + [offset] + tuple(sizes) + tuple(strides) + [0x89]
      + Array("ccollections\nOrderedDict\n)RtR.".utf8)
  }

  private static func archive(
    _ pickle: [UInt8], _ numbers: [UInt8], order: String = "little"
  ) -> [UInt8] {
    StoredZip.archive(of: [
      .init(name: "a/data.pkl", bytes: pickle),
      .init(name: "a/byteorder", bytes: Array(order.utf8)),
      .init(name: "a/data/0", bytes: numbers),
    ])
  }

  /// 0, 1, … 5 as float16.
  private static let halves: [UInt8] = (0..<6).flatMap { value in
    let bits = Float16(value).bitPattern
    return [UInt8(truncatingIfNeeded: bits), UInt8(bits >> 8)]
  }

  @Test func axesAndStridesAreFollowed() throws {
    let rows = { (sizes: [UInt8], strides: [UInt8], offset: UInt8) in
      try self.read(
        Self.archive(
          Self.pickle(offset: offset, sizes: sizes, strides: strides), Self.halves)
      ).rows
    }
    #expect(try rows([3, 2], [2, 1], 0) == [[0, 1], [2, 3], [4, 5]])
    #expect(try rows([1, 3, 2], [6, 2, 1], 0) == [[0, 1], [2, 3], [4, 5]])
    // A transposed view, and one that begins later.
    #expect(try rows([2, 3], [1, 2], 0) == [[0, 2, 4], [1, 3, 5]])
    #expect(try rows([2, 2], [2, 1], 2) == [[2, 3], [4, 5]])
  }

  @Test func widerNumbersAreRead() throws {
    let singles = [Float(0.1), 2].flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
    }
    let pickle = Self.pickle(storage: "FloatStorage", sizes: [1, 2], strides: [2, 1])
    #expect(try read(Self.archive(pickle, singles)).values == [Double(Float(0.1)), 2])
    let doubles = [0.1, 2].flatMap { value in
      (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt64($0))) }
    }
    let wide = Self.pickle(storage: "DoubleStorage", sizes: [1, 2], strides: [2, 1])
    #expect(try read(Self.archive(wide, doubles)).values == [0.1, 2])
  }

  @Test func otherPicklesAreRefusedByName() {
    func refusal(_ pickle: [UInt8]) -> String { self.refusal(Self.archive(pickle, Self.halves)) }
    let sizes: [UInt8] = [3, 2]
    for (pickle, words) in [
      (
        Self.pickle(storage: "LongStorage", sizes: sizes, strides: [2, 1]), "\"torch LongStorage\""
      ),
      (Self.pickle(sizes: sizes, strides: [2, 1], call: "os\nsystem"), "a call of \"os system\""),
      (Self.pickle(sizes: [3], strides: [1]), "found one of 3"),
      (
        Self.pickle(sizes: [1, 1, 3, 2, 1], strides: [6, 6, 2, 1, 1]), "found one of 1 × 1 × 3 × 2"
      ),
      (Self.pickle(sizes: [], strides: []), "found a single number"),
      (Self.pickle(sizes: [0, 2], strides: [2, 1]), "found one of 0 × 2"),
      (
        Self.pickle(sizes: [4, 2], strides: [2, 1]), "4 layers × 2 key-value heads, found 6 numbers"
      ),
      (Self.pickle(offset: 1, sizes: sizes, strides: [2, 1]), "found 6 numbers"),
      (Self.pickle(sizes: sizes, strides: [2]), "damage before byte"),
      (Self.pickle(sizes: sizes, strides: [2, 1], key: "1"), "the entry data/1"),
      ([0x80, 4, 0x2E], "a pickle of protocol 2"), ([0x80, 2, 0x7D, 0x2E], "the instruction 0x7d"),
      ([0x80, 2, 0x4B, 1, 0x2E], "expected one tensor"), ([0x80, 2, 0x2E], "damage before byte 3"),
      ([0x80, 2], "damage"), ([UInt8](repeating: 0x80, count: 5000), "a pickle of 5000 bytes"),
      ([0x80, 2] + [UInt8](repeating: 0x85, count: 9), "damage"),
      ([0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 9), "damage"),
    ] {
      let found = refusal(pickle)
      #expect(found.contains(words), "\(words): \(found)")
      #expect(found.contains("scores.pt: "), "\(found)")
    }
    let order = Self.archive(
      Self.pickle(sizes: sizes, strides: [2, 1]), Self.halves, order: "big")
    #expect(self.refusal(order).contains("expected numbers in the byte order little, found big"))
    let infinite = Self.archive(
      Self.pickle(sizes: sizes, strides: [2, 1]), [0, 0x7C] + Self.halves.dropFirst(2))
    #expect(self.refusal(infinite).contains("for layer 0, head 0, found inf"))
  }

  @Test func damagedArchivesAreRefused() throws {
    let sound = try Self.published("qwen2.5-7b")
    /// The header of the entry data.pkl in the central directory.
    let header = 0x3F8
    func changed(_ place: Int, _ byte: UInt8) -> String {
      var bytes = sound
      bytes[place] = byte
      return refusal(bytes)
    }
    #expect(refusal(sound).isEmpty)
    #expect(refusal(Array(sound.dropLast())).contains("truncated or damaged"))
    #expect(refusal(Array(sound[..<200])).contains("truncated or damaged"))
    #expect(changed(header + 8, 9).contains("which needs a password"))
    #expect(changed(header + 10, 8).contains("/data.pkl, which is compressed"))
    #expect(changed(header + 20, 1).contains("which is compressed"))
    #expect(changed(header + 42, 1).contains("/data.pkl at byte 1"))
    #expect(changed(header + 2, 9).contains("a header of an entry at byte \(header)"))
    #expect(changed(0x90, 0).contains("/data.pkl with its checksum"))
    var large = sound
    large.replaceSubrange(header + 20..<header + 28, with: repeatElement(0xFF, count: 8))
    #expect(refusal(large).contains("in the zip64 format"))
    let other = StoredZip.archive(of: [.init(name: "a/b", bytes: [1, 2, 3])])
    #expect(refusal(other).contains("one entry data.pkl, as torch.save writes it, found 0"))
  }

  @Test func checksumsAreThoseOfTheStandard() {
    #expect(CRC32.of(Array("123456789".utf8)) == 0xCBF4_3926 && CRC32.of([]) == 0)
  }
}
