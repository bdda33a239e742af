import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import MapReporter
import Runs
import Support
import Transformer

/// `zigzag rank`: gates to a layer map, without a model.
struct RankVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "rank",
    abstract: "Turn gates into a layer map; needs no model.",
    discussion: """
      GATES is a run folder, a table in DuoAttention's format, or a folder with such a table: one line \
      per layer, one tab-separated number per key-value head, 1 for full attention. It may also be a \
      file of scores: zigzag's, Retrieval_Head's, QRHead's, MMRetHead's or KVzip's. The largest score \
      of its group of query heads then stands for a key-value head. Of L layers, L − round(S·L) become retrieval layers: exactly the set that costs \
      least under the criterion.

        zigzag rank runs/smollm2-135m --sparsity 0.5
        zigzag rank full_attention_heads.tsv --sparsity 0.25 --criterion balance --json
        zigzag rank head_score/llama-2-7b-80k.json --sparsity 0.5 --kv-heads 32
        zigzag rank lme_llama3.1-8b.yaml --sparsity 0.75 --model Llama-3.1-8B/config.json --group mean

      Criteria: search keeps what `zigzag search` found best for this run's model; max keeps the \
      layers with the largest single gate; balance, with the largest sum of gates; lost, with the \
      largest sum over retrieval heads; count, with the most retrieval heads. weighted:W and \
      weighted-count:W lie between. layer-gate is for gates learned as one number per layer.
      """)

  @Argument(help: "A run folder, a gate table (TSV) or a folder with one, or scores of heads.")
  var gates: String

  @Option(
    name: .shortAndLong, parsing: .unconditional,
    help: "The share of layers that stream, from 0 to 1.")
  var sparsity: Double

  @Option(
    name: .shortAndLong,
    help: "How a set of layers is judged: \(Criterion.names.joined(separator: ", ")).")
  var criterion = "max"

  @OptionGroup(title: "Scores of query heads") var scores: ScoreOptions

  @Option(
    help: ArgumentHelp(
      "Refuse gates of another shape than this model's, and a run of another model.",
      discussion: "A model file, a Hugging Face folder or its config.json.", valueName: "model"))
  var model: String?

  @Flag(help: "Print the map as JSON.")
  var json = false

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let criterion = try Criterion(parsing: criterion, option: "--criterion")
    guard (0...1).contains(sparsity) else {
      throw ToolError.usage("--sparsity is \(sparsity); it must lie between 0 and 1")
    }
    let (space, map) = try ranked(by: criterion)
    if json {
      try Results.print(json: RankedLayers(map, space))
    } else {
      try printTable(of: map, space)
    }
  }

  private func ranked(by criterion: Criterion) throws -> (space: MapSpace, map: RankedMap) {
    let sizes = try model.map { try HeadMap.Model(contentsOf: $0) }
    guard GateOptions.isRunFolder(gates) else {
      var matrix = try scores.read(gates, model: sizes, named: model).gates
      try check((matrix.layers, matrix.heads), against: sizes)
      if let sizes { matrix = matrix.within(sizes.space) }
      return (matrix.space, try matrix.layerMap(by: criterion, sparsity: sparsity))
    }
    try scores.refuse(because: "\(gates) is a run folder")
    let run = try FinishedRun(folder: gates)
    try check((run.maps.layers, run.maps.heads), against: sizes)
    try checkIdentity(of: run, against: sizes)
    return (run.maps.space, try run.layers(by: criterion, sparsity: sparsity))
  }

  private func check(_ own: (layers: Int, heads: Int), against sizes: HeadMap.Model?) throws {
    if let sizes, let model {
      guard (sizes.layers, sizes.keyValueHeads) == own else {
        throw ToolError.badData(
          "\(gates) has gates of \(own.layers) layers × \(own.heads) key-value heads, but "
            + "\(model) has \(sizes.layers) × \(sizes.keyValueHeads); use the gates that were learned "
            + "on this model")
      }
    }
  }

  /// Refuses gates of a run that were learned on another model.
  private func checkIdentity(of run: FinishedRun, against other: HeadMap.Model?) throws {
    var question = run.openQuestion
    if let other, let model {
      try run.record.model?.checkIdentity(
        against: other.identity, name: gates, modelName: model)
      question = run.record.model?.openQuestion(of: gates, against: other.identity)
    }
    if let question { Logger(label: "rank").warning("\(question)") }
  }

  private func printTable(of map: RankedMap, _ space: MapSpace) throws {
    let heads = space.heads
    let streaming = map.isRetrievalLayer.count { !$0 }
    let ofGlobal =
      space.isWhole
      ? ""
      : " of all layers, \(fixed(space.sparsity(of: map.heads(keyValueHeads: heads)), 4)) of the "
        + "\(space.globalLayers.count) global ones"
    try Results.print(
      "\(counted(map.isRetrievalLayer.count, "layer")) of \(counted(heads, "key-value head")) by \(map.criterion): "
        + "\(streaming) stream, sparsity \(fixed(map.achievedSparsity, 4))\(ofGlobal)")
    try Results.print("layer      score  kind")
    let global = Set(space.globalLayers)
    for (layer, isRetrieval) in map.isRetrievalLayer.enumerated() {
      let number = padded(String(layer), to: 5)
      let score = padded(fixed(map.scores[layer], 6), to: 10)
      let kind =
        isRetrieval ? "retrieval" : global.contains(layer) ? "streaming" : "window of its own"
      try Results.print("\(number) \(score)  \(kind)")
    }
    try Results.print("cost \(fixed(map.cost, 6))")
  }
}

/// Whether there is a folder at `path`.
func isFolder(_ path: String) -> Bool {
  var isFolder: ObjCBool = false
  let exists = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
  return exists && isFolder.boolValue
}

/// What `rank --json` prints.
private struct RankedLayers: Encodable {
  let criterion: String
  let layers: Int
  let heads: Int
  let sparsityRequested: Double
  let sparsityAchieved: Double
  /// Of the global layers; nil where all layers are.
  let sparsityAchievedGlobal: Double?
  let retrievalLayers: [Int]
  let streamingLayers: [Int]
  let scores: [Double]
  let cost: Double

  init(_ map: RankedMap, _ space: MapSpace) {
    let indices = map.isRetrievalLayer.indices
    criterion = map.criterion.description
    layers = map.isRetrievalLayer.count
    heads = space.heads
    sparsityRequested = map.requestedSparsity
    sparsityAchieved = map.achievedSparsity
    sparsityAchievedGlobal =
      space.isWhole ? nil : space.sparsity(of: map.heads(keyValueHeads: space.heads))
    retrievalLayers = indices.filter { map.isRetrievalLayer[$0] }
    streamingLayers = indices.filter { !map.isRetrievalLayer[$0] }
    scores = map.scores
    cost = map.cost
  }

  enum CodingKeys: String, CodingKey {
    case criterion, layers, heads, scores, cost
    case sparsityRequested = "sparsity_requested"
    case sparsityAchieved = "sparsity_achieved"
    case sparsityAchievedGlobal = "sparsity_achieved_global"
    case retrievalLayers = "retrieval_layers"
    case streamingLayers = "streaming_layers"
  }
}
