import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// What other programs write into HDF5 files (Fixtures/hdf5), read as the HDF5 library reads it.
struct HDF5ReadingTests {
  private let folder: ModelTestFolder
  private var path: String { folder.file("model.h5") }

  init() throws { folder = try ModelTestFolder() }

  private static func fixture(_ name: String) throws -> String {
    try Fixture.path("hdf5/\(name).h5")
  }

  /// The stated identity is that of the values as h5py reads them.
  @Test(arguments: [
    "filters", "links", "committed", "committed-latest", "old-layouts", "superblock-1",
  ])
  func readsWhatTheLibraryReads(name: String) throws {
    let path = try Self.fixture(name)
    let model = try ModelFile.open(path: path)
    #expect(model.configuration.modelType == "llama" && model.configuration.hidden == 4)
    #expect(model.configuration.kinds[0].rotary?.scaling == .linear(factor: 2))
    #expect(try ModelFile.check(path: path).isSound)
    // The first weight that NumPy's generator gives.
    #expect(model.weights.embedding.widened().values[0] == 0.034_558_42)
  }

  @Test func sharedDatasetsAreOne() throws {
    let weights = try ModelFile.open(path: try Self.fixture("links")).weights.layers[0]
    #expect(weights.attentionNorm == weights.mlpNorm)
    #expect(weights.wGate.widened().values == weights.wDown.widened().values)
    #expect(weights.wGate.widened().values != weights.wq.widened().values)
  }

  /// Fortran fills texts up with spaces, and has shapes of one where others have none.
  @Test func readsFortran() throws {
    let model = try ModelFile.open(path: try Self.fixture("fortran"))
    #expect(model.source == "written by Fortran")
    #expect(model.configuration.modelType == "llama")
    #expect(model.configuration.tiedEmbeddings)
    #expect(model.configuration.kinds[0].rotary?.scaling == .linear(factor: 2))
    #expect(model.weights.embedding.rows == 8)
  }

  @Test(
    arguments: [
      ("spaces", MetadataValue.text("two words")), ("only-spaces", .text("")),
      ("spaces-utf8", .text("grüße")), ("zeros", .text("kept  ")), ("terminated", .text("this")),
      ("list-of-one", .text("llama")), ("texts", .texts(["full", "sliding"])),
      ("long-texts", .texts(["full_attention", "sliding_attention", ""])), ("half", .real(0.5)),
      ("big-half", .real(0.25)), ("byte", .integer(200)), ("big-short", .integers([-2, 3])),
      ("true", .bool(true)), ("truths", .bools([true, false])), ("nothing", nil), ("no-list", nil),
    ] as [(String, MetadataValue?)])
  func readsAttributes(name: String, value: MetadataValue?) throws {
    let root = try HDF5Object(opening: try Self.fixture("attributes"))
    #expect(root.attributeNames.contains(name))
    #expect(try root.attribute(name) == value)
  }

  @Test(arguments: [
    ("latin-1", "expected a text in UTF-8"), ("zero-inside", "expected a text in UTF-8"),
    ("large", "expected integers below 2^63"), ("colour", "found another HDF5 type"),
    ("long-double", "found another HDF5 type"), ("compound", "found another HDF5 type"),
  ])
  func refusesAttributes(name: String, words: String) throws {
    let root = try HDF5Object(opening: try Self.fixture("attributes"))
    #expect(root.attributeNames.contains(name))
    expectError(.badData, "attributes.h5", "attribute \(name)", words) {
      try root.attribute(name)
    }
  }

  @Test(arguments: [
    ("lzf", "HDF5 filter 32000 (lzf)"), ("szip", "HDF5 filter 4 (szip)"),
    ("scale-offset", "HDF5 filter 6 (scale-offset)"), ("nbit", "HDF5 filter 5 (nbit)"),
    ("9 filters", "a list of 9 filters"), ("can grow", "a dataset that can grow"),
    ("never written", "expected values, found some that were never written"),
    ("chunks never written", "expected values, found some that were never written"),
    ("link to another place", "a link to another place"),
    ("link to another file", "a link to another place"),
    ("virtual", "data kept in another file"), ("external", "data kept in another file"),
  ])
  func refusesDatasets(name: String, words: String) throws {
    let root = try HDF5Object(opening: try Self.fixture("refused"))
    #expect(root.hasChild(name))
    expectError(.badData, "refused.h5", "/\(name)", words) {
      try root.child(name)?.readFloats()
    }
  }

  // MARK: User blocks

  /// A model of each version of the superblock, 0 to 3.
  private static func models() throws -> [[UInt8]] {
    var models = try ["links", "superblock-1", "committed-latest", "committed-latest"].map(bytes)
    // Versions 2 and 3 differ in their flags alone.
    models[2][8] = 2
    seal(&models[2])
    #expect(models.map { $0[8] } == [0, 1, 2, 3])
    return models
  }

  /// Puts the right checksum into a superblock of version 2 or 3.
  private static func seal(_ file: inout [UInt8]) {
    let sum = HDF5Checksum.of(file[..<44])
    for index in 0..<4 { file[44 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index)) }
  }

  private static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: try fixture(name))))
  }

  private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// h5jam puts a user block before a file and leaves the addresses as they are.
  @Test(arguments: [512, 1024, 2048, 65536])
  func readsUserBlocks(count: Int) throws {
    for model in try Self.models() {
      var block = [UInt8](repeating: 0x2A, count: count)
      // The signature counts nowhere but at 0, 512, 1024, …
      block.replaceSubrange(100..<108, with: Self.signature)
      if count > 1024 { block.replaceSubrange(768..<776, with: Self.signature) }
      let whole = block + model
      try Data(whole).write(to: URL(fileURLWithPath: path))
      #expect(try ModelFile.check(path: path).isSound)
      #expect(try ModelFile.open(path: path).weights.embedding.widened().values[0] == 0.034_558_42)
      // What stands behind the end is not the file's.
      try Data(whole + block).write(to: URL(fileURLWithPath: path))
      #expect(try ModelFile.check(path: path).isSound)
      try Data(whole.dropLast()).write(to: URL(fileURLWithPath: path))
      expectError(
        .badData, "whole HDF5 file with \(model.count) bytes behind a user block of \(count)",
        "truncated"
      ) { try ModelFile.open(path: path) }
    }
  }

  /// The first place that has the signature counts, as for the library, which reads neither.
  @Test func signaturesInUserBlocks() throws {
    var block = [UInt8](repeating: 0x2A, count: 1024)
    block.replaceSubrange(512..<520, with: Self.signature)
    try Data(block + Self.bytes("links")).write(to: URL(fileURLWithPath: path))
    expectError(.badData, "version 42 of the superblock") { try ModelFile.open(path: path) }
  }

  @Test func refusesFilesStillOpen() throws {
    var model = try Self.bytes("committed-latest")
    model[11] = 1
    Self.seal(&model)
    try Data(model).write(to: URL(fileURLWithPath: path))
    expectError(.badData, "a file that its writer has closed", "open for writing") {
      try ModelFile.open(path: path)
    }
  }
}
