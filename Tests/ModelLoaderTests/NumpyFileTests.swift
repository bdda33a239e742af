import Foundation
import ModelLoader
import Testing
import TestSupport

struct NumpyFileTests {
  private let folder: ModelTestFolder
  private var path: String { folder.file("a.npy") }

  init() throws { folder = try ModelTestFolder() }

  /// A .npy file of `version` with the header `text`, as NumPy writes it.
  private func write(_ text: String, version: UInt8 = 1, values: [UInt8] = []) throws {
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
    let length = text.utf8.count
    bytes += [UInt8(length & 255), UInt8(length >> 8)] + (version > 1 ? [0, 0] : [])
    try Data(bytes + Array(text.utf8) + values).write(to: URL(fileURLWithPath: path))
  }

  @Test func floatsComeBack() throws {
    let values: [Float] = [1, -2.5, .infinity, 0, .leastNonzeroMagnitude, 7]
    try NumpyFile.write(values, shape: [2, 3], to: path)
    let (shape, read) = try NumpyFile.readFloats(path: path)
    #expect(shape == [2, 3])
    #expect(read == values)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(bytes.count == 64 * 2 + 24)
  }

  @Test func tokensComeBack() throws {
    try NumpyFile.write([3, -1, .max] as [Int32], shape: [3], to: path)
    #expect(try NumpyFile.readInt32(path: path).values == [3, -1, .max])
    #expect(try NumpyFile.readInt32(path: path).shape == [3])
  }

  @Test(arguments: [UInt8(1), 2, 3])
  func readsInt64OfEveryVersion(version: UInt8) throws {
    try write(
      "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }\n", version: version,
      values: [5, 0, 0, 0, 0, 0, 0, 0] + Array(repeating: 255, count: 8))
    #expect(try NumpyFile.readInt32(path: path).values == [5, -1])
  }

  @Test(
    arguments: [
      ("{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }", "descr"),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", "\"<f8\""),
      ("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 2), }", "Fortran order"),
      ("{'descr': '<i4', 'fortran_order': False, 'shape': (9,), }", "36 bytes"),
      ("{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "a shape"),
      ("{'descr': '<i4', 'shape': (1,), }", "fortran_order"),
    ])
  func refusesOtherHeaders(text: String, words: String) throws {
    try write(text, values: [0, 0, 0, 0])
    expectError(.badData, "a.npy", words) { try NumpyFile.readInt32(path: path) }
  }

  @Test func refusesTokensBeyond32Bits() throws {
    try write(
      "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }",
      values: [0, 0, 0, 0, 1, 0, 0, 0])
    expectError(.badData, "32 bits", "4294967296 at index 0") {
      try NumpyFile.readInt32(path: path)
    }
  }

  @Test func refusesOtherFiles() throws {
    expectError(.missingInput, "no such NumPy file") { try NumpyFile.readInt32(path: path) }
    try Data("some text that is not NumPy".utf8).write(to: URL(fileURLWithPath: path))
    expectError(.badData, "expected a NumPy .npy file") { try NumpyFile.readInt32(path: path) }
    try Data([0x93]).write(to: URL(fileURLWithPath: path))
    expectError(.badData, "expected a NumPy .npy file") { try NumpyFile.readFloats(path: path) }
  }
}
