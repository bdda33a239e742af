// Ranks the layers of a table of gates, and compares whole layers with single heads.
//
//     swift run rank-table gates.tsv 0.5
import Foundation
import GateOptimizer

guard CommandLine.arguments.count == 3, let sparsity = Double(CommandLine.arguments[2]) else {
  print("rank-table TABLE SPARSITY")
  exit(64)
}
let gates = try GateMatrix(contentsOf: CommandLine.arguments[1])

for criterion in [Criterion.max, .balance, .lost] {
  let map = try gates.layerMap(by: criterion, sparsity: sparsity)
  let kept = map.isRetrievalLayer.indices.filter { map.isRetrievalLayer[$0] }
  print("\(criterion): retrieval layers \(kept), cost \(map.cost)")
}
let heads = try gates.headCut(likeLayersAt: sparsity)
print(
  "single heads: \(heads.count - heads.streamingCount) of \(heads.count) retrieve, "
    + "in \(heads.mixedLayers.count) layers both kinds")
