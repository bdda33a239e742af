import Support
import Transformer

/// How one family of models is read: what its configuration says beyond Llama's, and what its checkpoints call
/// the parameters.
///
/// A family is one file in this folder and a line in ``all``; docs/families.md shows how to add one. The computation
/// knows no families: it goes by the ``LayerKind`` that ``describe`` makes.
struct ModelFamily: Sendable {
  /// Hugging Face's `model_type`.
  let modelType: String
  /// llama.cpp's `general.architecture`; nil where GGUF files of the family are not read.
  var architecture: String?
  /// What absent keys stand for.
  var defaults = FamilyDefaults()
  /// Keys that this family reads beside those that every family has.
  var keys: Set<String> = []
  /// Keys that change what this family computes, and how they must be.
  var foreign: [String: ForeignKey] = [:]
  /// The key of the norms' ε.
  var epsilonKey = "rms_norm_eps"
  /// Whether layers that slide a window are the only ones with positions.
  var turnsInWindowsAlone = false
  /// What its configuration says of the model's own window.
  var window = OwnWindow.none
  /// Which of the four projections of attention have biases where `attention_bias` says so.
  var biases = ProjectionBiases.queryKeyValue
  /// Whether `partial_rotary_factor` may turn a part of each head.
  var turnsPart = false
  /// Whether sliding layers have a RoPE of their own, in `rope_parameters` by the kind of layer.
  var ropeByKind: RopeByKind?
  /// Whether the ends of YaRN's ramp are whole pairs, as in llama.cpp, where a GGUF file cannot say otherwise.
  var truncatesYarn = true
  /// Types of RoPE by the name in the file.
  var ropeTypes = RopeType.common
  /// Hugging Face's names, within a layer, of parameters that Llama calls otherwise or has not.
  var names: [LayerParameter: String] = [:]
  /// Hugging Face's names, within a layer, of the projections of one expert.
  var expertNames: @Sendable (_ expert: Int) -> [LayerParameter: String] = { expert in
    [
      .expertGate: "mlp.experts.\(expert).gate_proj.weight",
      .expertUp: "mlp.experts.\(expert).up_proj.weight",
      .expertDown: "mlp.experts.\(expert).down_proj.weight",
    ]
  }
  /// Whether llama.cpp puts rows of queries and keys that RoPE turns together next to each other.
  var isReorderedInGGUF = false
  /// Keys of ``keys`` as a GGUF file has them, behind the architecture's name.
  var ggufKeys: [String: String] = [:]
  /// Those of ``ggufKeys`` that are scales, of which 0 stands for none.
  var ggufScales: Set<String> = []
  /// Keys of a GGUF file that are read besides.
  var ggufOtherKeys: Set<String> = []
  /// Keys of a GGUF file that change what this family computes, and no other.
  var ggufForeign: [String: ForeignKey] = [:]
  /// Whether norms multiply by 1 + their weights in a Hugging Face checkpoint; a GGUF file has the sums.
  var normsHaveOffset = false
  /// Puts parameters together that a Hugging Face checkpoint holds in another order.
  var unpack:
    @Sendable ([String: SourceTensor], ModelConfiguration) throws(FileError) ->
      [String: SourceTensor] = { tensors, _ throws(FileError) in tensors }
  /// llama.cpp's names, within a layer, where they are not those of ``LayerParameter/ggufName``.
  var ggufNames: [LayerParameter: String] = [:]
  /// Parameters that a Hugging Face checkpoint holds in one tensor.
  var fused: [FusedParameter] = []
  /// The same in a GGUF file.
  var ggufFused: [FusedParameter] = []
  /// Makes of Llama's layers those of the family, by the keys in the file.
  var describe:
    @Sendable (ConfigurationDecoder, inout ModelConfiguration) throws(FileError) -> Void = {
      _, _ throws(FileError) in
    }
  /// The keys, beside those that every family has, in which a model file states what ``describe`` reads.
  var write: @Sendable (ModelConfiguration) -> [String: MetadataValue] = { _ in [:] }

  /// Every family, in the order in which messages list them.
  static let all = [
    llama, mistral, qwen2, qwen3, qwen3MoE, mixtral, smollm3, phi3, olmo2, olmo3, granite,
    graniteMoE, glm4, gemma3, cohere2, gptOss,
  ]

  /// The family of a `model_type`.
  static func named(_ modelType: String) -> ModelFamily? {
    all.first { $0.modelType == modelType }
  }

  /// The family of an architecture of llama.cpp; the files of Mistral and Mixtral say llama, those of OLMo 3 olmo2.
  static func of(architecture: String, hasExperts: Bool, hasWindow: Bool) -> ModelFamily? {
    if architecture == llama.architecture, hasExperts { return mixtral }
    if architecture == olmo2.architecture, hasWindow { return olmo3 }
    return all.first { $0.architecture == architecture }
  }
}

/// When a family's layers slide a window of their own over the context.
enum OwnWindow: Sendable {
  /// Never.
  case none
  /// All of them, where `sliding_window` is a number.
  case everywhere
  /// Where `use_sliding_window` is true: the layers that `layer_types` lists, or those from `max_window_layers` on,
  /// by default from `layer` on.
  case from(layer: Int)
  /// Where `use_sliding_window` is true: the layers that `layer_types` lists, or those without positions.
  case listed
  /// Where `use_sliding_window` is true: all of them.
  case all
  /// The layers that `layer_types` lists, or all but every n-th; `sliding_window_pattern` may state another n.
  case pattern(every: Int)

  /// Whether some layers slide and others do not, by a pattern.
  var isPattern: Bool { if case .pattern = self { true } else { false } }
}

/// RoPE of two kinds in one model: of its global layers, and of those that slide a window.
struct RopeByKind: Sendable {
  /// The key of the sliding layers' base beside the nested objects, where there is one.
  let localThetaKey: String?
  /// Their base where nothing states it; nil for the family's.
  let localTheta: Double?
}

/// Which projections have biases where `attention_bias` is true.
enum ProjectionBiases: Sendable {
  /// None: `attention_bias` is refused.
  case none
  /// Queries, keys and values.
  case queryKeyValue
  /// The output projection as well, if the checkpoint has such a bias.
  case all
}

/// Parameters whose rows lie under one another in one tensor of a checkpoint.
struct FusedParameter: Sendable {
  /// The name of the tensor within a layer.
  let name: String
  /// What it holds, first rows first.
  let parts: [LayerParameter]
}

/// What a checkpoint calls a parameter.
enum ParameterSource {
  /// One tensor.
  case tensor(String)
  /// A tensor for each place of its first axis.
  case pieces([String])

  /// The names.
  var names: [String] {
    switch self {
    case .tensor(let name): [name]
    case .pieces(let names): names
    }
  }
}

extension ModelFamily {
  /// The name of a parameter in a Hugging Face checkpoint.
  func name(of parameter: Parameter) -> String {
    guard case .layer(let index, let own) = parameter, let name = names[own] else {
      return parameter.name
    }
    return "model.layers.\(index).\(name)"
  }

  /// The name of a parameter in a GGUF file.
  func ggufName(of parameter: Parameter) -> String {
    guard case .layer(let index, let own) = parameter, let name = ggufNames[own] else {
      return parameter.ggufName
    }
    return "blk.\(index).\(name)"
  }

  /// The tensors that make up a parameter in a Hugging Face checkpoint: one, or one of each expert.
  func source(of parameter: Parameter, _ configuration: ModelConfiguration) -> ParameterSource {
    guard case .layer(let index, let own) = parameter,
      let experts = configuration.kinds[index].experts, expertNames(0)[own] != nil
    else { return .tensor(name(of: parameter)) }
    return .pieces(
      (0..<experts.count).compactMap { expert in
        expertNames(expert)[own].map { "model.layers.\(index).\($0)" }
      })
  }

  /// The tensors that make up a parameter in a GGUF file: one, or one of each expert in files of 2023.
  func ggufSource(
    of parameter: Parameter, _ configuration: ModelConfiguration, isThere: (String) -> Bool
  ) -> ParameterSource {
    let name = ggufName(of: parameter)
    guard case .layer(let index, _) = parameter, let experts = configuration.kinds[index].experts,
      name.hasSuffix(Self.allExperts), !isThere(name)
    else { return .tensor(name) }
    let pieces = (0..<experts.count).map { expert in
      "\(name.dropLast(Self.allExperts.count)).\(expert).weight"
    }
    return isThere(pieces[0]) ? .pieces(pieces) : .tensor(name)
  }

  /// How names of tensors end that hold all experts of a layer.
  private static let allExperts = "_exps.weight"

  /// `tensors` with the parts of each fused one, under the names of its parameters, in the place of it.
  ///
  /// - Throws: `FileError.invalid` where a fused tensor has other rows than its parts.
  func split(
    _ tensors: [String: SourceTensor], _ configuration: ModelConfiguration, prefix: String,
    fused: [FusedParameter], name: (Parameter) -> String
  ) throws(FileError) -> [String: SourceTensor] {
    var tensors = tensors
    for index in 0..<configuration.layers {
      for whole in fused {
        guard let tensor = tensors.removeValue(forKey: "\(prefix)\(index).\(whole.name)") else {
          continue
        }
        let rows = whole.parts.map { $0.shape(in: configuration, layer: index)[0] }
        guard tensor.shape.first == rows.reduce(0, +) else {
          throw .invalid(
            path: tensor.file.path, place: tensor.name,
            expected:
              "\(rows.reduce(0, +)) rows (\(rows.map(String.init).joined(separator: " + ")))",
            found: "shape \(tensor.shape)",
            fix: "the configuration does not belong to these weights")
        }
        var start = 0
        for (part, count) in zip(whole.parts, rows) {
          let key = name(.layer(index: index, part))
          if let other = tensors[key] {
            throw .invalid(
              path: other.file.path, place: other.name,
              expected: "each parameter once", found: "a second one, a part of \(tensor.name)",
              fix: "remove the tensor that does not belong to the model")
          }
          tensors[key] = try tensor.rows(start..<start + count)
          start += count
        }
      }
    }
    return tensors
  }

  /// `tensors` of a Hugging Face checkpoint, whose norms get what this family adds to their weights.
  func withOffsets(
    _ tensors: [String: SourceTensor], _ configuration: ModelConfiguration
  ) -> [String: SourceTensor] {
    guard normsHaveOffset else { return tensors }
    var tensors = tensors
    for parameter in Parameter.all(in: configuration) where parameter.isNorm {
      tensors[name(of: parameter)]?.offset = 1
    }
    return tensors
  }

  /// Whether a checkpoint has biases behind attention that change something: old ones hold zeros there.
  func hasOutputBias(
    _ tensors: [String: SourceTensor], _ configuration: ModelConfiguration
  ) throws(FileError) -> Bool {
    guard case .all = biases, configuration.kinds[0].projectionBias else { return false }
    for index in 0..<configuration.layers {
      guard let bias = tensors[name(of: .layer(index: index, .oBias))] else { return false }
      if try !bias.isZero() { return true }
    }
    return false
  }
}
