import MapReporter
import Transformer

/// Small maps with round numbers.
enum MapSamples {
  /// Three layers of two heads, gates that end in the binary system.
  static let gates = [[1, 0.75], [0.125, 0], [0.5, 0.875]]
  static let digest = String(repeating: "0123456789abcdef", count: 4)

  /// What ``layers(modelType:sink:recent:)`` is for unless told otherwise.
  static let layersDeployment = Deployment(StreamingWindow(sink: 16, recent: 64))

  /// Layers 0 and 2 retrieval, layer 1 streaming.
  static func layers(
    modelType: String? = "llama", sink: Int = 16, recent: Int = 64
  ) throws -> HeadMap {
    try layers(
      modelType: modelType, deployed: Deployment(StreamingWindow(sink: sink, recent: recent)))
  }

  /// The same map for another deployment.
  static func layers(modelType: String? = "llama", deployed: Deployment) throws -> HeadMap {
    try HeadMap(
      model: HeadMap.Model(
        modelType: modelType, layers: 3, queryHeads: 6, keyValueHeads: 2, weightsSHA256: digest),
      window: HeadMap.Window(deployed), gates: gates,
      heads: HeadSet(retrievalLayers: [true, false, true], heads: 2),
      criterion: HeadMap.Criterion(name: "max"),
      requestedSparsity: 0.3,
      calibration: HeadMap.Calibration(
        source: "zigzag", objective: "distillation", steps: 160, seed: 1, contextMin: 1000,
        contextMax: 1024, regularization: 0.05, learningRate: 0.02, distillationLoss: 0.0066,
        toolVersion: "0.1.0"))
  }

  /// Half of the heads, two layers mixed.
  static func mixed() throws -> HeadMap {
    try HeadMap(
      model: HeadMap.Model(layers: 3, keyValueHeads: 2),
      window: HeadMap.Window(sink: 16, recent: 64), gates: gates,
      heads: HeadSet([[true, true], [false, false], [false, true]]),
      criterion: HeadMap.Criterion(name: "head-mixed"), requestedSparsity: 0.5,
      calibration: HeadMap.Calibration(source: "full_attention_heads.tsv"))
  }
}
