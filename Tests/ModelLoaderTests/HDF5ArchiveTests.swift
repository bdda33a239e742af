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

  @Test func comesBackBitForBit() throws {
    try archive.write(to: path)
    #expect(try HDF5Archive(reading: path) == archive)
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
    expectError(.missingInput, "no such HDF5 file") { try HDF5Archive(reading: path) }
  }
}
