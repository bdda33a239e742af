import BasicContainers

/// What attention computes: o (output, H·D), and the log-sum-exp of its scores, (output, H), which its
/// backward needs.
package struct AttentionOutput: ~Copyable {
  package var o: Tensor
  package var logSumExp: Tensor

  /// Undefined values.
  init(rows: Int, _ shape: AttentionShape) {
    o = Tensor(rows: rows, columns: shape.queryWidth)
    logSumExp = Tensor(rows: rows, columns: shape.queryHeads)
  }

  /// The output alone.
  package consuming func output() -> Tensor { o }
}

extension DecoderLayer {
  /// Attention under a pattern: (output, H·D).
  package func attend(_ qkv: borrowing QueryKeyValue, _ pattern: AttentionPattern) -> Tensor {
    let isRetrieval = pattern.isRetrieval[index]
    var result = AttentionOutput(rows: output.count, shape)
    for (heads, visibility) in [
      (isRetrieval.indices.filter { isRetrieval[$0] }, Visibility.causal),
      (isRetrieval.indices.filter { !isRetrieval[$0] }, Visibility.streaming(pattern.window)),
    ] where !heads.isEmpty {
      attend(qkv, heads: heads, visibility, into: &result.o, logSumExp: &result.logSumExp)
    }
    return result.output()
  }

  /// Attention in which every head sees the same.
  package func attend(
    _ qkv: borrowing QueryKeyValue, _ visibility: Visibility
  ) -> AttentionOutput {
    var result = AttentionOutput(rows: output.count, shape)
    attend(
      qkv, heads: Array(0..<shape.keyValueHeads), visibility, into: &result.o,
      logSumExp: &result.logSumExp)
    return result
  }

  /// The gradients of q, k and v from dO (output, H·D), where every head saw the same.
  package func attendBackward(
    _ dO: borrowing Tensor, _ qkv: borrowing QueryKeyValue, _ saved: borrowing AttentionOutput,
    _ visibility: Visibility
  ) -> QueryKeyValue {
    Transformer.attentionBackward(
      dO: dO.view, q: qkv.q.view, k: qkv.k.view, v: qkv.v.view, o: saved.o.view,
      logSumExp: saved.logSumExp.view, shape: shape, visibility: visibility, queries: output,
      keys: input)
  }

  /// Attention of some heads, into their columns.
  private func attend(
    _ qkv: borrowing QueryKeyValue, heads: [Int], _ visibility: Visibility,
    into o: inout Tensor, logSumExp: inout Tensor
  ) {
    var oView = o.mutableView
    var logView = logSumExp.mutableView
    Transformer.attention(
      q: qkv.q.view, k: qkv.k.view, v: qkv.v.view, shape: shape, heads: heads,
      visibility: visibility, queries: output, keys: input, into: &oView, logSumExp: &logView)
  }
}
