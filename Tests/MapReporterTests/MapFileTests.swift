import Foundation
import MapReporter
import TestSupport
import Testing
import Transformer

@Suite struct MapFileTests {
  @Test func layerMapIsWrittenAsSpecified() throws {
    try expectSnapshot(try MapSamples.layers().json(), "headmap.json")
  }

  @Test func schemaNamesEveryKeyOfTheFile() throws {
    let docs = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/headmap.schema.json")
    let schema = try JSONSerialization.jsonObject(with: Data(contentsOf: docs)) as? [String: Any]
    for phase in Deployment.Phase.allCases {
      let deployment = Deployment(StreamingWindow(sink: 16, recent: 64), phase: phase)
      let text = try MapSamples.layers(deployed: deployment).json()
      let file = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      try expectKeys(of: try #require(file), in: try #require(schema))
    }
  }

  /// Of the parts of a window, each is refused where the others leave it no meaning.
  @Test func windowsThatContradictThemselvesAreRefused() throws {
    let window = StreamingWindow(sink: 16, recent: 64)
    let text = try MapSamples.layers(deployed: Deployment(window, phase: .prompt)).json()
    for (old, new, words) in [
      ("\"after\": \"slide\"", "\"after\": \"keep\"", "window.after: expected slide"),
      ("\"phase\": \"prompt\"", "\"phase\": \"everywhere\"", nil),
      (
        "\"block\": 1", "\"block\": 128",
        "window.recent: expected a multiple of window.block, 128"
      ),
      (
        "\"schema_version\": 2", "\"schema_version\": 1",
        "window.phase: expected everywhere, all that schema_version 1 has, found \"prompt\""
      ),
      ("\"boundary\": \"question\"", "\"boundary\": \"answer\"", nil),
    ] as [(String, String, String?)] {
      #expect(text.contains(old))
      let bytes = Data(text.replacing(old, with: new).utf8)
      guard let words else {
        #expect(throws: Never.self) { try HeadMap.parse(bytes, path: "headmap.json") }
        continue
      }
      let error = #expect(throws: FileError.self) {
        try HeadMap.parse(bytes, path: "headmap.json")
      }
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
    #expect(throws: MapReporterError.self) {
      try MapSamples.layers(deployed: Deployment(window, boundary: .answer))
    }
  }

  /// Keys of the file are in the schema, and keys the schema requires in the file, at every depth.
  private func expectKeys(of file: [String: Any], in schema: [String: Any]) throws {
    let properties = try #require(schema["properties"] as? [String: [String: Any]])
    let required = try #require(schema["required"] as? [String])
    #expect(Set(file.keys).isSubset(of: properties.keys))
    #expect(Set(required).isSubset(of: file.keys))
    for (key, value) in file {
      guard let object = value as? [String: Any], let inner = properties[key] else { continue }
      try expectKeys(of: object, in: inner)
    }
  }

  @Test func headMixedMapHasNoLayerKinds() throws {
    let map = try MapSamples.mixed()
    #expect(map.layerFull == nil)
    #expect(map.heads.mixedLayers == [2])
    try expectSnapshot(try map.json(), "headmap-mixed.json")
  }

  @Test func mapSurvivesTheFile() throws {
    try withTemporaryFolder { folder in
      for map in [try MapSamples.layers(), try MapSamples.mixed()] {
        let file = folder.appending(path: "maps/headmap.json")
        try map.write(to: file)
        #expect(try HeadMap.read(from: file) == map)
        let left = try FileManager.default.contentsOfDirectory(
          atPath: folder.appending(path: "maps").path)
        #expect(left == ["headmap.json"])
      }
    }
  }

  @Test func patternAndSparsityFollowTheHeads() throws {
    let map = try MapSamples.layers()
    #expect(map.pattern().isRetrieval == [[true, true], [false, false], [true, true]])
    #expect(map.pattern().streaming.window == StreamingWindow(sink: 16, recent: 64))
    #expect(map.sparsity.achieved == 1.0 / 3)
    #expect(try MapSamples.mixed().sparsity.achieved == 0.5)
  }

  /// A map that does not stream everywhere says so, in a version that older readers refuse.
  @Test func deploymentsSurviveTheFile() throws {
    let map = try MapSamples.layers()
    #expect(try map.json().contains("\"schema_version\": 1"))
    #expect(try !map.json().contains("phase"))
    try withTemporaryFolder { folder in
      let window = StreamingWindow(sink: 0, recent: 64)
      for deployment in [
        Deployment(window, phase: .decode, boundary: .answer, after: .keep),
        Deployment(window, phase: .prompt),
      ] {
        let other = try HeadMap(
          model: map.model, window: HeadMap.Window(deployment), gates: map.gates, heads: map.heads,
          criterion: map.criterion, requestedSparsity: map.sparsity.requested,
          calibration: map.calibration)
        let file = folder.appending(path: "headmap.json")
        try other.write(to: file)
        #expect(try HeadMap.read(from: file) == other)
        #expect(try HeadMap.read(from: file).window.deployment == deployment)
        let text = try other.json()
        #expect(text.contains("\"schema_version\": 2"))
        let wrong = text.replacingOccurrences(
          of: "\"phase\": \"\(deployment.phase.rawValue)\"", with: "\"phase\": \"now\"")
        try wrong.write(to: file, atomically: true, encoding: .utf8)
        let error = #expect(throws: FileError.self) { try HeadMap.read(from: file) }
        #expect(
          error?.description.contains(
            "window.phase: expected one of everywhere, decode, prompt, found \"now\"") == true,
          "\(error?.description ?? "")")
      }
    }
  }

  @Test func mapThatCameOutUniformCountsAsLayers() throws {
    let mixed = try MapSamples.mixed()
    let map = try HeadMap(
      model: mixed.model, window: mixed.window, gates: mixed.gates,
      heads: HeadSet([[true, true], [true, true], [false, false]]), criterion: mixed.criterion,
      requestedSparsity: 0.3, calibration: mixed.calibration)
    #expect(map.layerFull == [true, true, false])
  }

  @Test func mapOfAnotherModelIsRefusedWithBothShapes() throws {
    let model = ModelConfiguration(
      modelType: "llama", layers: 30, hidden: 576, feedForward: 1536, queryHeads: 9,
      keyValueHeads: 3, headDim: 64, vocabulary: 49152, maxPositions: 8192)
    let error = #expect(throws: MapReporterError.self) {
      try MapSamples.layers().check(against: model, mapName: "a.json", modelName: "b.h5")
    }
    #expect(
      error?.description
        == "a.json is for 3 layers × 2 key-value heads, but b.h5 has 30 × 3; use the map that was "
        + "made for this model.")
    #expect(error?.category == .badData)
  }
}
