import BasicContainers
import Transformer

/// What the student needs to know of the teacher for one sample; it does not depend on the gates.
package struct TeacherOutputs: ~Copyable, Sendable {
  /// Attention output of each layer at the student's rows, (output, H·D); none where the student has its
  /// own.
  var attention = UniqueArray<Tensor>()
  /// Final hidden states at the label rows, (R, C).
  var hidden: Tensor

  /// Bytes of all of it.
  package var byteCount: Int {
    var floats = hidden.rows * hidden.columns
    for index in attention.indices { floats += attention[index].rows * attention[index].columns }
    return floats * MemoryLayout<Float>.stride
  }
}

extension TeacherOutputs {
  /// All values: layer after layer, then the final hidden states.
  package var values: [Float] {
    var values: [Float] = []
    values.reserveCapacity(byteCount / MemoryLayout<Float>.stride)
    for index in attention.indices { values += attention[index].values }
    return values + hidden.values
  }
}

extension TwoStreamStep {
  /// Outputs from their ``TeacherOutputs/values``; nil if there are not as many as this step's shapes ask
  /// for.
  package func outputs(_ values: [Float], labelRows: Range<Int>) -> TeacherOutputs? {
    let width = decoder.shape.queryWidth
    let rows = attentionRows(labelRows: labelRows)
    guard values.count == outputCount(labelRows: labelRows) else { return nil }
    var attention = UniqueArray<Tensor>()
    var start = 0
    for count in rows {
      let end = start + count * width
      attention.append(Tensor(rows: count, columns: width, values: Array(values[start..<end])))
      start = end
    }
    return TeacherOutputs(
      attention: attention,
      hidden: Tensor(
        rows: labelRows.count, columns: decoder.configuration.hidden,
        values: Array(values[start...])))
  }

  /// How many ``TeacherOutputs/values`` there are for a sample with these label rows.
  package func outputCount(labelRows: Range<Int>) -> Int {
    attentionRows(labelRows: labelRows).reduce(0, +) * decoder.shape.queryWidth
      + labelRows.count * decoder.configuration.hidden
  }

  /// Rows of each layer's attention output that the student takes from the teacher.
  private func attentionRows(labelRows: Range<Int>) -> [Int] {
    let cones = retrieval == .teacher ? cones(labelRows: labelRows) : []
    return cones.dropFirst().map(\.count)
  }

  /// The teacher's forward over one sample: all rows, but in the last layer only the labels'.
  ///
  /// - Parameters: as of ``callAsFunction(tokens:labelRows:gates:)``.
  package func teach(tokens: [Int32], labelRows: Range<Int>) -> TeacherOutputs {
    precondition(!labelRows.isEmpty && labelRows.upperBound <= tokens.count, "rows \(labelRows)")
    if retrieval == .student {
      return TeacherOutputs(
        hidden: decoder.finalHidden(
          tokens, pattern: .full(decoder.configuration), rows: labelRows))
    }
    let cones = cones(labelRows: labelRows)
    let all = RowSet.all(labelRows.upperBound)
    let table = RotaryTable(decoder.configuration, positions: all.count)
    let plan = decoder.rowPlan(.full(decoder.configuration), output: cones[cones.count - 1])
    var attention = UniqueArray<Tensor>()
    let x = decoder.walk(decoder.embed(tokens, rows: all), rows: plan, table: table) {
      layer, qkv in
      let o = layer.attend(qkv, .causal).output()
      attention.append(layer.output.gather(o, cones[layer.index + 1]))
      return o
    }
    return TeacherOutputs(attention: attention, hidden: decoder.finalNorm(x.view))
  }
}
