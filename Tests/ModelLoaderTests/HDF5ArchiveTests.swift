import Foundation
import ModelLoader
import Testing
import TestSupport

struct HDF5ArchiveTests {
  private let folder: ModelTestFolder
  private var path: String { folder.file("checkpoint.h5") }
  private let archive = HDF5Archive(
    attributes: [
      "format": .text("zigzag-checkpoint"), "step": .integer(7), "rate": .real(0.02),
      "done": .bool(true), "counts": .integers([1, -2]), "empty": .text(""),
      "text": .text("größer 🦓\nline"),
    ],
    arrays: [
      "gates/values": .floats([1, 0.5, -0, .infinity, .leastNonzeroMagnitude, 3], shape: [2, 3]),
      "gates/moment": .doubles([0.1, 0.2], shape: [2]),
      "losses": .integers([.min, 0, .max], shape: [3]),
      "none": .floats([], shape: [0]),
    ])

  init() throws { folder = try ModelTestFolder() }

  /// Reads the file, which must have what `expected` has, or else the archive.
  private func read(_ expected: [String: HDF5ArrayForm]? = nil) throws -> HDF5Archive {
    try HDF5Archive(reading: path, attributes: Set(archive.attributes.keys)) { _ in
      expected ?? archive.arrays.mapValues(\.form)
    }
  }

  @Test func comesBackBitForBit() throws {
    try archive.write(to: path)
    #expect(try read() == archive)
    let first = try Data(contentsOf: URL(fileURLWithPath: path))
    Thread.sleep(forTimeInterval: 1.1)  // HDF5 would store times in seconds
    try archive.write(to: path)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == first)
    #expect(try folder.names() == ["checkpoint.h5"])
  }

  @Test func refusesUnwritablePlaces() throws {
    expectError(.cannotWrite, "no/checkpoint.h5") {
      try archive.write(to: folder.file("no/checkpoint.h5"))
    }
    expectError(.missingInput, "no such HDF5 file") { try read() }
  }

  /// A file of others may hold anything: nothing of it is read that was not asked for.
  @Test func refusesWhatIsNotExpected() throws {
    try archive.write(to: path)
    let forms = archive.arrays.mapValues(\.form)
    var other = forms
    other["losses"] = nil
    expectError(.badData, "/losses: expected nothing of this name") { try read(other) }
    other = forms
    other["gates/moment"] = nil
    expectError(.badData, "/gates/moment: expected nothing of this name") { try read(other) }
    (other["gates/values"], other["gates"]) = (nil, .doubles([2]))
    expectError(.badData, "/gates: expected nothing of this name") { try read(other) }
    other = forms
    other["records/loss"] = .doubles([3])
    expectError(.badData, "/records/loss: expected float64s of shape [3], found nothing") {
      try read(other)
    }
    other = forms
    other["losses"] = .doubles([3])
    expectError(.badData, "/losses: expected float64s of shape [3], found 8-byte integers") {
      try read(other)
    }
    other["losses"] = .integers([4])
    expectError(.badData, "/losses: expected integers of shape [4]", "of shape [3]") {
      try read(other)
    }
    expectError(.badData, "attribute counts: expected nothing of this name") {
      try HDF5Archive(
        reading: path, attributes: Set(archive.attributes.keys).subtracting(["counts"])
      ) { _ in forms }
    }
  }
}
