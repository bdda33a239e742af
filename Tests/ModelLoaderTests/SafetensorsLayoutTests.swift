import Foundation
import ModelLoader
import Testing
import TestSupport

/// The format's rule: the tensors of a header cover the rest of the file exactly once.
struct SafetensorsLayoutTests {
  private let folder: ModelTestFolder
  private var file = SafetensorsBytes()

  init() throws {
    folder = try ModelTestFolder()
    file.data = Data(count: 16)
  }

  private func read(_ file: SafetensorsBytes) throws -> SafetensorsFile {
    try read(file.bytes)
  }

  private func read(_ bytes: Data) throws -> SafetensorsFile {
    let path = folder.file("x.safetensors")
    try bytes.write(to: URL(fileURLWithPath: path))
    return try SafetensorsFile(path: path)
  }

  @Test func tensorsBehindEachOtherAreRead() throws {
    var file = file
    // In another order than in the file, and with one that is empty between them.
    file.add("b", [2], from: 8, to: 16)
    file.add("none", [0, 4], from: 8, to: 8)
    file.add("a", [2], from: 0, to: 8)
    file.entries.append(#""__metadata__": {"format": "pt"}"#)
    #expect(try read(file).tensors.keys.sorted() == ["a", "b", "none"])
    #expect(try read(file).tensors["none"]?.readValues().isEmpty == true)
  }

  @Test func otherTypesAreNotFloats() throws {
    var file = file
    file.add("a", [2], from: 0, to: 8)
    file.add("mask", [8], type: "BOOL", from: 8, to: 16)
    let found = try read(file)
    #expect(found.tensors.keys.sorted() == ["a"])
    #expect(found.otherTypes == ["mask": "BOOL"])
  }

  @Test(arguments: [
    ([(0, 8), (0, 8)], "two tensors share bytes"), ([(0, 12), (8, 16)], "two tensors share bytes"),
    ([(0, 4), (8, 16)], "a hole"), ([(4, 8), (8, 16)], "a hole"),
    ([(0, 4), (4, 12)], "expected 12 bytes, as the header says, found 16"),
    ([(0, 8), (8, 20)], "expected 20 bytes, as the header says, found 16"), ([], "found 16"),
  ])
  func anyOtherLayoutIsRefused(ranges: [(Int, Int)], words: String) throws {
    var file = file
    for (index, range) in ranges.enumerated() {
      file.add("t\(index)", [(range.1 - range.0) / 4], from: range.0, to: range.1)
    }
    expectError(.badData, "x.safetensors", words) { try read(file) }
  }

  @Test(arguments: [
    ([3], "F32", 0, 16), ([4], "F16", 0, 16), ([17], "U8", 0, 16), ([31], "F4", 0, 16),
    ([-4], "F32", 0, 16), ([1 << 62], "F32", 0, 16), ([4], "F32", 16, 0),
  ])
  func sizesThatDoNotFitAreRefused(shape: [Int], type: String, start: Int, end: Int) throws {
    var file = file
    file.add("t", shape, type: type, from: start, to: end)
    expectError(.badData, "t: expected") { try read(file) }
  }

  @Test func headersOfAnotherShapeAreRefused() throws {
    var bytes = SafetensorsBytes([TestTensor("t", [1], [1])]).bytes
    #expect(try read(bytes).tensors.count == 1)
    bytes[8] = UInt8(ascii: " ")
    expectError(.badData, "the header", "expected a JSON object") { try read(bytes) }
    var file = file
    file.add("t", [4], from: 0, to: 16)
    file.entries.append(#""__metadata__": {"format": 1}"#)
    expectError(.badData, "__metadata__", "an object of texts") { try read(file) }
  }

  /// A name that stands twice is no tensor's name, wherever the two point.
  @Test func aNameTwiceIsRefused() throws {
    var file = file
    file.add("t", [4], from: 0, to: 16)
    file.add("t", [2], from: 0, to: 8)
    expectError(.badData, "x.safetensors") { try read(file) }
    file.entries.removeLast()
    file.data += Data(count: 16)
    file.add("t", [4], from: 16, to: 32)
    expectError(.badData, "x.safetensors") { try read(file) }
  }
}
