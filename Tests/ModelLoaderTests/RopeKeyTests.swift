import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// What is said about RoPE within `rope_scaling` and `rope_parameters`, in config.json and in /config.
///
/// VariantTests compares the precedence with transformers' own numbers.
struct RopeKeyTests {
  private let folder: CheckpointFolder

  init() throws { folder = try CheckpointFolder() }

  private func plan(_ key: String, _ members: [String: Any]) throws -> ImportPlan {
    folder.configuration[key] = members
    return try folder.plan()
  }

  @Test(arguments: [
    "mrope", "su", "ntk", "proportional", "Linear", "",
  ])
  func otherTypesAreRefused(type: String) throws {
    for key in ["rope_scaling", "rope_parameters"] {
      for name in ["type", "rope_type"] {
        let folder = try CheckpointFolder()
        folder.configuration[key] = [name: type, "factor": 4]
        expectError(.badData, "key \(key): the type \"\(type)\"") { try folder.plan() }
      }
    }
  }

  @Test func keysOfSeveralAxesAreRefused() throws {
    expectError(.badData, "rope_scaling", "several axes (mrope_section)") {
      try plan("rope_scaling", ["type": "default", "mrope_section": [1, 1]])
    }
  }

  @Test func keysByLayerTypeAreRefused() throws {
    expectError(.badData, "rope_parameters", "\"full_attention\" layers") {
      try plan(
        "rope_parameters", ["full_attention": ["rope_type": "default", "rope_theta": 1000]])
    }
  }

  @Test func misspeltKeysAreRefused() throws {
    for (name, nearest) in [
      ("facter", "factor"), ("rope_thetta", "rope_theta"), ("low_freq_facto", "low_freq_factor"),
    ] {
      let folder = try CheckpointFolder()
      folder.configuration["rope_scaling"] = ["type": "linear", "factor": 4, name: 3]
      expectError(.badData, "\"\(name)\"", "did you mean \(nearest)?") { try folder.plan() }
    }
  }

  @Test func unusedAndUnknownKeysAreNamed() throws {
    let plan = try self.plan(
      "rope_scaling", ["type": "linear", "factor": 4, "attention_factor": 1.3, "colour": 3])
    #expect(plan.contents.configuration.kinds[0].rotary?.scaling == .linear(factor: 4))
    #expect(plan.warnings.count == 2)
    #expect(plan.warnings.contains { $0.contains("rope_scaling.colour") })
    #expect(plan.warnings.contains { $0.contains("attention_factor, which the rope_type linear") })
  }

  @Test func aPartOfEachHeadIsRefused() throws {
    expectError(.badData, "partial_rotary_factor", "0.5") {
      try plan("rope_parameters", ["rope_type": "default", "partial_rotary_factor": 0.5])
    }
    // Within the object wins over the top level.
    folder.configuration["partial_rotary_factor"] = 0.5
    let found = try plan(
      "rope_parameters", ["rope_type": "default", "partial_rotary_factor": 1])
    #expect(found.warnings.isEmpty)
  }

  /// As transformers 5.24: without a factor YaRN is refused, and of null it makes the ratio of the contexts.
  @Test func yarnStatesItsFactor() throws {
    func scaling(_ key: String, _ members: [String: Any]) throws -> RopeScaling? {
      let folder = try CheckpointFolder()
      folder.configuration["max_position_embeddings"] = 256
      folder.configuration[key] = members.merging(["original_max_position_embeddings": 64]) { $1 }
      return try folder.plan().contents.configuration.kinds[0].rotary?.scaling
    }
    for key in ["rope_scaling", "rope_parameters"] {
      expectError(.badData, key, "a positive factor", "nothing") {
        _ = try scaling(key, ["type": "yarn"])
      }
      guard case .yarn(let derived)? = try scaling(key, ["type": "yarn", "factor": NSNull()]) else {
        Issue.record("no YaRN")
        return
      }
      #expect(derived.factor == 4 && abs(derived.attentionFactor - 1.138_629_436) < 1e-9)
      for type in ["linear", "dynamic"] {
        for members in [["type": type], ["type": type, "factor": NSNull()]] as [[String: Any]] {
          expectError(.badData, key, "a positive factor") { _ = try scaling(key, members) }
        }
      }
    }
  }

  @Test func numbersMustBeNumbers() throws {
    for (name, value) in [("rope_theta", "10000" as Any), ("rope_theta", -1), ("factor", "4")] {
      let folder = try CheckpointFolder()
      var members: [String: Any] = ["rope_type": "linear", "factor": 2]
      members[name] = value
      folder.configuration["rope_parameters"] = members
      expectError(.badData, "rope_parameters", name) { try folder.plan() }
    }
  }

  // MARK: Model files

  private func open(
    _ attributes: [String: MetadataValue]
  ) throws -> ModelFileReader {
    let path = folder.folder.file("\(UUID().uuidString).h5")
    try ModelTestFiles.write(to: path)
    do {
      let file = try HDF5Node(opening: path)
      for (key, value) in attributes { try file.child("config")?.setAttribute(key, value) }
    }
    return try ModelFileReader(path: path)
  }

  @Test func aModelFileMayHaveRopeParameters() throws {
    let json = #"{"rope_type": "linear", "factor": 4, "rope_theta": 500000.0}"#
    let reader = try open(["rope_parameters": .text(json)])
    #expect(reader.contents.configuration.kinds[0].rotary?.theta == 500_000)
    #expect(reader.contents.configuration.kinds[0].rotary?.scaling == .linear(factor: 4))
    // The file states another base at the top, which is said.
    #expect(reader.warnings.first?.contains("500000.0 within rope_parameters") == true)
    expectError(.badData, "/config attribute rope_parameters", "\"ntk\"") {
      try open(["rope_parameters": .text(#"{"rope_type": "ntk", "factor": 4}"#)])
    }
    expectError(.badData, "/config attribute rope_parameters", "a JSON object") {
      try open(["rope_parameters": .text("{'rope_type': 'yarn'}")])
    }
  }

  @Test func layerTypesOfAModelFileAreRead() throws {
    #expect(
      try open(["layer_types": .text(#"["full_attention", "full_attention"]"#)]).warnings.isEmpty)
    expectError(.badData, "/config attribute layer_types", "sliding_attention") {
      try open(["layer_types": .text(#"["full_attention", "sliding_attention"]"#)])
    }
    expectError(.badData, "/config attribute layer_types", "\"linear_attention\"") {
      try open(["layer_types": .text(#"["full_attention", "linear_attention"]"#)])
    }
  }

  /// As a group with attributes, which some writers make of an object.
  @Test func aGroupOfAttributesIsAnObject() throws {
    let path = folder.folder.file("group.h5")
    try ModelTestFiles.write(to: path)
    do {
      let file = try HDF5Node(opening: path)
      _ = try file.child("config")?.createGroup("rope_parameters")
      let config = try file.child("config")
      try config?.child("rope_parameters")?.setAttribute("rope_type", .text("linear"))
      try config?.child("rope_parameters")?.setAttribute("factor", .real(4))
    }
    #expect(
      try ModelFileReader(path: path).contents.configuration.kinds[0].rotary?.scaling
        == .linear(factor: 4))
  }

  @Test func otherGroupsInConfigAreRefused() throws {
    let path = folder.folder.file("group.h5")
    try ModelTestFiles.write(to: path)
    do {
      let file = try HDF5Node(opening: path)
      _ = try file.child("config")?.createGroup("rope_theta")
    }
    expectError(.badData, "/config/rope_theta", "attributes of /config alone") {
      try ModelFileReader(path: path)
    }
  }
}
