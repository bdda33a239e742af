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

  /// Spellings of one header that `numpy.load` 2.4 takes for the same; the first is Python 2's.
  @Test(arguments: [
    "{'descr': '<i4', 'fortran_order': False, 'shape': (2L,),}    \n",
    "{\"descr\": \"<i4\", \"fortran_order\": False, \"shape\": (2, )}",
    "{'shape': (2,), 'fortran_order': False, 'descr': '<i4'}\n",
    "{u'descr': u'<i4',\n u'fortran_order': False,\n u'shape': (1L, 2L)}  ",
    "{'descr':'i4','fortran_order':False,'shape':(2,)}",
    "  {'descr': 'int32', 'fortran_order': False, 'shape': (+2,)}",
    "{ 'descr' : '=i4' , 'fortran_order' : True , 'shape' : (2,) , }",
  ])
  func readsOtherSpellings(header: String) throws {
    try write(header, values: [5, 0, 0, 0, 255, 255, 255, 255])
    #expect(try NumpyFile.readInt32(path: path).values == [5, -1])
  }

  @Test(
    arguments: [
      ("|i1", [5, 255], [5, -1]), ("|u1", [5, 255], [5, 255]),
      ("<i2", [5, 1, 255, 255], [261, -1]),
      (">i2", [1, 5, 255, 255], [261, -1]), ("<u2", [5, 1, 255, 255], [261, 65535]),
      (">i4", [0, 0, 1, 5, 255, 255, 255, 254], [261, -2]),
      (">u4", [0, 0, 0, 7, 0, 1, 0, 0], [7, 65536]),
      (">i8", [0, 0, 0, 0, 0, 0, 1, 5, 255, 255, 255, 255, 255, 255, 255, 255], [261, -1]),
      ("<u8", [5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0], [5, 6]),
    ] as [(String, [UInt8], [Int32])])
  func readsIntegersOfEveryWidthAndOrder(type: String, bytes: [UInt8], ids: [Int32]) throws {
    try write("{'descr': '\(type)', 'fortran_order': False, 'shape': (2,), }", values: bytes)
    #expect(try NumpyFile.readInt32(path: path).values == ids)
  }

  @Test(
    arguments: [
      ("<f2", [0x00, 0x3C, 0x00, 0xC1]), (">f2", [0x3C, 0x00, 0xC1, 0x00]),
      (">f4", [0x3F, 0x80, 0, 0, 0xC0, 0x20, 0, 0]),
      (">f8", [0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0xC0, 0x04, 0, 0, 0, 0, 0, 0]),
    ] as [(String, [UInt8])])
  func readsFloatsOfEveryWidthAndOrder(type: String, bytes: [UInt8]) throws {
    try write("{'descr': '\(type)', 'fortran_order': False, 'shape': (2,), }", values: bytes)
    #expect(try NumpyFile.readFloats(path: path).values == [1, -2.5])
  }

  /// `numpy.asfortranarray(numpy.arange(6).reshape(1, 2, 3))` and the like.
  @Test func readsFortranOrder() throws {
    try write(
      "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", values: [0, 3, 1, 4, 2, 5])
    #expect(try NumpyFile.readInt32(path: path).values == [0, 1, 2, 3, 4, 5])
    try write(
      "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 2), }", values: [0, 2, 1, 3])
    #expect(try NumpyFile.readInt32(path: path).values == [0, 1, 2, 3])
    try write("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 0), }")
    #expect(try NumpyFile.readInt32(path: path).values.isEmpty)
    try write("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", values: [9])
    #expect(try NumpyFile.readInt32(path: path).values == [9])
  }

  @Test func refusesArchivesAndPointersByTheirName() throws {
    let head: [UInt8] = [0x50, 0x4B, 3, 4] + Array(repeating: 0, count: 22) + [7, 0, 0, 0]
    try Data(head + Array("arr.npyx".utf8)).write(to: URL(fileURLWithPath: path))
    expectError(.badData, "a NumPy archive (.npz)", "save the one array", "numpy.save") {
      try NumpyFile.readInt32(path: path)
    }
    try Data("version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 9\n".utf8)
      .write(to: URL(fileURLWithPath: path))
    expectError(.badData, "a.npy", "a Git LFS pointer", "git lfs pull") {
      try NumpyFile.readInt32(path: path)
    }
  }

  @Test(
    arguments: [
      ("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,), }", "one number type"),
      ("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "Python objects, a pickle"),
      ("{'descr': '<U4', 'fortran_order': False, 'shape': (2,), }", "\"<U4\""),
      ("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "\"<c8\""),
      ("{'descr': '|b1', 'fortran_order': False, 'shape': (4,), }", "\"|b1\""),
      ("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (1,)}", "a dictionary"),
      ("{'descr': '<i4', 'fortran_order': False, 'shape': (1,)} x", "a dictionary"),
      ("{'descr': '<i4', 'fortran_order': False, 'shape': (1)}", "a tuple"),
      ("{'descr': '<i4', 'fortran_order': False, 'shape': [1]}", "a tuple"),
      ("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), 'x': 1}", "a dictionary of descr"),
      ("{'descr': '<i4', 'fortran_order': False, 'shape': (-1,)}", "a shape"),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", "\"<f8\""),
      ("{'descr': '<i4', 'fortran_order': 1, 'shape': (2, 2), }", "True or False"),
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
