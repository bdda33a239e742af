import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Which model a file holds: weights, configuration and tokenizer, however the file says it.
@Suite struct ModelIdentityTests {
  private let folder: ModelTestFolder

  init() throws { folder = try ModelTestFolder() }

  private func identity(
    _ change: (inout ModelConfiguration) -> Void = { _ in }, addsPrefixSpace: Bool = false
  ) throws -> ModelIdentity {
    var configuration = TinyModel.configuration
    change(&configuration)
    let path = folder.file("\(UUID().uuidString).h5")
    try TinyModel.write(configuration, to: path, addsPrefixSpace: addsPrefixSpace)
    let found = try ModelFile.inspect(path: path).identity
    #expect(try ModelFile.open(path: path).identity == found)
    return found
  }

  @Test func theSameModelHasTheSameIdentity() throws {
    #expect(try identity() == identity())
    #expect(try identity().differences(from: identity()).isEmpty)
  }

  @Test func everyPartTells() throws {
    let model = try identity()
    let other = try identity { $0.eachKind { $0.rotary?.theta = 100_000 } }
    #expect(other.weightsSHA256 == model.weightsSHA256)
    #expect(
      other.differences(from: model)
        == ["the configuration differs: rope_theta is 10000, there it was 100000"])
    #expect(
      try model.differences(from: identity { $0.rmsNormEpsilon = 1e-6 })
        == ["the configuration differs: rms_norm_eps is 1e-06, there it was 1e-05"])
    let spaced = try identity(addsPrefixSpace: true).differences(from: model)
    #expect(spaced.count == 1 && spaced[0].hasPrefix("the tokenizer differs: its hash is "))
    var unknown = other
    unknown.configuration = nil
    #expect(
      unknown.differences(from: model)[0].hasPrefix("the configuration differs: its hash is "))
  }

  /// Every property of a configuration changes the identity: none can be added and forgotten.
  @Test func everyPropertyOfTheConfigurationTells() throws {
    let model = try identity()
    let changes: [String: (inout ModelConfiguration) -> Void] = [
      "modelType": { $0.modelType = "mistral" }, "hidden": { $0.hidden = 32 },
      "feedForward": { $0.feedForward = 64 }, "queryHeads": { $0.queryHeads = 6 },
      "keyValueHeads": { $0.keyValueHeads = 4 }, "headDim": { $0.headDim = 10 },
      "vocabulary": { $0.vocabulary = 257 }, "rmsNormEpsilon": { $0.rmsNormEpsilon = 1e-4 },
      "centersNorms": {
        ($0.modelType, $0.centersNorms) = ("cohere2", true)
        $0.eachKind { $0.norms = .beside }
      },
      "maxPositions": { $0.maxPositions = 511 }, "tiedEmbeddings": { $0.tiedEmbeddings = false },
      "embeddingScale": { ($0.modelType, $0.embeddingScale) = ("granite", 2) },
      "logitScale": { ($0.modelType, $0.logitScale) = ("granite", 0.5) },
      "kinds": { $0.kinds.append($0.kinds[0]) },
    ]
    // Of a layer; what a family alone makes comes with the family.
    let kinds: [String: (inout LayerKind) -> String] = [
      "norms": {
        $0.norms = .around
        return "glm4"
      },
      "headNorm": {
        $0.headNorm = .perHead
        return "qwen3"
      },
      "rotary": {
        $0.rotary = nil
        return "smollm3"
      },
      "projectionBias": {
        $0.projectionBias = true
        return "llama"
      },
      "outputBias": {
        $0.outputBias = true
        return "llama"
      },
      "attentionScale": {
        $0.attentionScale = 0.5
        return "granite"
      },
      "residualScale": {
        $0.residualScale = 0.5
        return "granite"
      },
      "activation": {
        $0.activation = .geluTanh
        return "llama"
      },
      "learnsSinks": {
        ($0.learnsSinks, $0.projectionBias, $0.outputBias) = (true, true, true)
        $0.activation = .clamped
        $0.experts = Experts(count: 2, active: 1, width: 32, normalises: true, hasBiases: true)
        return "gpt_oss"
      },
      "window": {
        $0.window = 8
        return "qwen2"
      },
      "experts": {
        $0.experts = Experts(count: 2, active: 1, width: 32, normalises: true)
        return "mixtral"
      },
    ]
    let rotaries: [String: (inout Rotary) -> String] = [
      "theta": {
        $0.theta = 5e5
        return "llama"
      },
      "scaling": {
        $0.scaling = .linear(factor: 2)
        return "llama"
      },
      "features": {
        $0.features = 4
        return "phi3"
      },
      "isInterleaved": {
        $0.isInterleaved = true
        return "glm4"
      },
      "sections": {
        $0.sections = RotarySections(pairs: [1, 1, 2])
        return "llama"
      },
    ]
    func labels(_ value: Any) -> Set<String> {
      Set(Mirror(reflecting: value).children.compactMap(\.label))
    }
    #expect(labels(TinyModel.configuration) == Set(changes.keys))
    #expect(labels(LayerKind()) == Set(kinds.keys))
    #expect(labels(Rotary()) == Set(rotaries.keys))
    for (name, change) in kinds {
      let other = try identity { configuration in
        configuration.modelType = change(&configuration.kinds[0])
        configuration.kinds[1] = configuration.kinds[0]
        // A model has a global layer.
        configuration.kinds[1].window = nil
      }
      #expect(other.configurationSHA256 != model.configurationSHA256, "\(name)")
    }
    for (name, change) in rotaries {
      let other = try identity { configuration in
        var rotary = Rotary()
        configuration.modelType = change(&rotary)
        configuration.eachKind {
          $0.rotary = rotary
          $0.norms = rotary.isInterleaved ? .around : .before
        }
      }
      #expect(other.configurationSHA256 != model.configurationSHA256, "\(name)")
    }
    for (name, change) in changes {
      #expect(try identity(change).configurationSHA256 != model.configurationSHA256, "\(name)")
    }
  }

  /// Attributes of a model file, set after it was written.
  private func identity(attributes: [String: MetadataValue]) throws -> ModelIdentity {
    let path = folder.file("\(UUID().uuidString).h5")
    try TinyModel.write(to: path)
    for (name, value) in attributes {
      let file = try HDF5Node(opening: path)
      try file.child("config")?.setAttribute(name, value)
    }
    return try ModelFile.inspect(path: path).identity
  }

  @Test func howItIsWrittenDoesNotTell() throws {
    let model = try identity()
    // A number as text of another form is the same double; the default written out is the default.
    for attributes: [String: MetadataValue] in [
      ["rms_norm_eps": .real(0.00001)], ["rms_norm_eps": .real(Double(Float(1e-5)))],
      ["rope_theta": .integer(10_000)], ["attention_bias": .integer(0)],
      ["hidden_act": .text("silu")],
    ] {
      #expect(try identity(attributes: attributes) == model, "\(attributes)")
    }
    #expect(try identity(attributes: ["bos_token_id": .integer(1)]) != model)
    let ends = try identity(attributes: ["eos_token_id": .integers([3, 2])])
    #expect(ends != model)
    #expect(try identity(attributes: ["eos_token_id": .integers([2, 3, 3])]) == ends)
    #expect(
      try identity(attributes: ["eos_token_id": .integer(2)])
        == identity(attributes: ["eos_token_id": .integers([2])]))
  }
}
