import Foundation
import MapReporter
import Support
import TestSupport
import Testing
import Transformer

/// A damage done to headmap.json and what the reader says about it.
struct Damage: Sendable, CustomTestStringConvertible {
  let from: String
  let to: String
  let message: String
  var testDescription: String { to.isEmpty ? "without \(from)" : to }
}

@Suite struct MapErrorTests {
  static let damages = [
    Damage(
      from: "\"schema_version\": 1", to: "\"schema_version\": 3",
      message: "schema_version: expected 1 or 2, the versions this zigzag reads, found 3"),
    Damage(
      from: "\"num_hidden_layers\": 3", to: "\"num_hidden_layers\": 4",
      message: "gates: expected 4 rows, one per layer, found 3"),
    Damage(
      from: "\"num_hidden_layers\": 3", to: "\"num_hidden_layers\": \"3\"",
      message: "model.num_hidden_layers: expected a whole number, found the text \"3\""),
    Damage(
      from: "\"num_key_value_heads\": 2", to: "\"num_key_value_heads\": 0",
      message: "model.num_key_value_heads: expected at least 1, found 0"),
    Damage(
      from: "\"num_attention_heads\": 6", to: "\"num_attention_heads\": 7",
      message: "model.num_attention_heads: expected a multiple of 2, found 7"),
    Damage(
      from: "0123456789abcdef0123", to: "0123456789ABCDEF0123",
      message: "model.weights_sha256: expected 64 lower-case hexadecimal digits"),
    Damage(
      from: "[0.125, 0]", to: "[0.125]",
      message: "gates[1]: expected 2 values, one per head, found 1"),
    Damage(
      from: "[0.125, 0]", to: "[0.125, 1.5]",
      message: "gates[1][1]: expected a number from 0 to 1, found 1.5"),
    Damage(
      from: "[0.125, 0]", to: "[0.125, null]",
      message: "gates[1][1]: expected a number, found null"
    ),
    Damage(
      from: "\"layer_full\": [true, false, true]", to: "\"layer_full\": [true, true, true]",
      message:
        "layer_full[1]: expected what head_full[1] says (null if a layer mixes kinds), found true"
    ),
    Damage(
      from: "\"layer_full\": [true, false, true]", to: "\"layer_full\": [true, false]",
      message: "layer_full: expected 3 values, one per layer, found 2"),
    Damage(
      from: "\"achieved\": 0.3333333333333333", to: "\"achieved\": 0.5",
      message: "sparsity.achieved: expected head_full's share of false, 0.3333333333333333, found"
    ),
    Damage(
      from: "\"requested\": 0.3", to: "\"requested\": 1.5",
      message: "sparsity.requested: expected a number from 0 to 1, found 1.5"),
    Damage(
      from: "\"recent\": 64", to: "\"recent\": 0",
      message: "window.recent: expected at least 1, found 0"),
    Damage(
      from: "\"recent\": 64", to: "\"recent\": 1e30",
      message: "window.recent: expected a whole number, found the number 1e+30"),
    Damage(
      from: "\"sink\": 16", to: "\"sinks\": 16",
      message: "window.sink: expected a value, found nothing"),
    Damage(
      from: "{\n  \"calibration\"", to: "\"calibration\"",
      message: "the file: expected a headmap.json, found not JSON: text after the end on line 1"),
    Damage(
      from: "\"recent\": 64", to: "\"recent\": NaN",
      message: "the file: expected a headmap.json, found not JSON: a value was expected, and NaN"),
  ]

  @Test func aKeyTwiceIsRefused() throws {
    let text = try MapSamples.layers().json().replacing(
      "\"schema_version\": 1", with: "\"schema_version\": 1,\n  \"schema_version\": 1")
    let error = #expect(throws: FileError.self) {
      try HeadMap.parse(Data(text.utf8), path: "x.json")
    }
    #expect(
      error?.description
        == "x.json:37: the key \"schema_version\" is there twice, first on line 36; keep one of "
        + "them.")
    #expect(error?.category == .badData)
  }

  @Test(arguments: damages)
  func damagedFileIsRefusedInOneSentence(_ damage: Damage) throws {
    let sound = try MapSamples.layers().json()
    #expect(sound.contains(damage.from))
    let damaged = sound.replacing(damage.from, with: damage.to)
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "headmap.json")
      try Data(damaged.utf8).write(to: file)
      let error = #expect(throws: FileError.self) { try HeadMap.read(from: file) }
      let sentence = try #require(error).description
      #expect(sentence.hasPrefix("\(file.path): \(damage.message)"), "\(sentence)")
      #expect(sentence.hasSuffix("; correct the file or make it again."))
      #expect(error?.category == .badData)
    }
  }

  @Test func missingFileIsNamed() throws {
    let error = #expect(throws: FileError.self) {
      try HeadMap.read(from: URL(fileURLWithPath: "/nowhere/headmap.json"))
    }
    #expect(
      error?.description
        == "/nowhere/headmap.json: there is no such map; check the path.")
    #expect(error?.category == .missingInput)
  }

  @Test func unwritableFolderIsNamed() throws {
    let error = #expect(throws: FileError.self) {
      try MapSamples.layers().write(to: URL(fileURLWithPath: "/proc/none/headmap.json"))
    }
    #expect(error?.category == .cannotWrite)
    #expect(error?.description.hasPrefix("/proc/none: cannot be written: ") == true)
  }

  @Test func impossibleValuesAreRefusedBeforeTheyAreAMap() throws {
    let sound = try MapSamples.layers()
    let error = #expect(throws: MapReporterError.self) {
      try HeadMap(
        model: sound.model, window: sound.window, gates: sound.gates,
        heads: HeadSet(retrievalLayers: [true, false, true], heads: 2), criterion: sound.criterion,
        requestedSparsity: 1.5,
        calibration: sound.calibration)
    }
    #expect(
      error?.description
        == "sparsity.requested must be a number from 0 to 1, but is 1.5; change it.")
    #expect(error?.category == .usage)
  }
}
