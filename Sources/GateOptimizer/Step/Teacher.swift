import BasicContainers
import Transformer

/// What the student needs to know of the teacher for one sample; it does not depend on the gates.
package struct TeacherOutputs: ~Copyable, Sendable {
  /// Attention output of each layer at the student's rows, (output, H·D); none where the student has its
  /// own.
  var attention = UniqueArray<Tensor>()
  /// The prompt's keys and values of each layer that the student's heads see; none where the student holds its
  /// own.
  var prompts = UniqueArray<PromptRows>()
  /// Final hidden states at the label rows, (R, C).
  var hidden: Tensor

  /// Bytes of all of it.
  package var byteCount: Int {
    var floats = hidden.rows * hidden.columns
    for index in attention.indices { floats += attention[index].rows * attention[index].columns }
    for index in prompts.indices { floats += 2 * prompts[index].k.rows * prompts[index].k.columns }
    return floats * MemoryLayout<Float>.stride
  }
}

extension TeacherOutputs {
  /// All values: attention, layer after layer, then keys and values, then the final hidden states.
  package var values: [Float] {
    var values: [Float] = []
    values.reserveCapacity(byteCount / MemoryLayout<Float>.stride)
    for index in attention.indices { values += attention[index].values }
    for index in prompts.indices { values += prompts[index].k.values + prompts[index].v.values }
    return values + hidden.values
  }
}

extension TwoStreamStep {
  /// Outputs from their ``TeacherOutputs/values``; nil if there are not as many as this step's shapes ask
  /// for.
  package func outputs(
    _ values: [Float], labelRows: Range<Int>, boundary: Int? = nil
  ) -> TeacherOutputs? {
    let parts = parts(labelRows: labelRows, boundary: boundary)
    guard values.count == outputCount(labelRows: labelRows, boundary: boundary) else { return nil }
    var start = 0
    func next(_ rows: Int, _ columns: Int) -> Tensor {
      defer { start += rows * columns }
      return Tensor(
        rows: rows, columns: columns, values: Array(values[start..<start + rows * columns]))
    }
    var attention = UniqueArray<Tensor>()
    for rows in parts.attention { attention.append(next(rows.count, decoder.shape.queryWidth)) }
    var prompts = UniqueArray<PromptRows>()
    for rows in parts.prompt {
      let k = next(rows.count, decoder.shape.keyWidth)
      prompts.append(
        PromptRows(rows: rows, k: k, v: next(rows.count, decoder.shape.keyWidth)))
    }
    return TeacherOutputs(
      attention: attention, prompts: prompts,
      hidden: next(parts.hidden.count, decoder.configuration.hidden))
  }

  /// How many ``TeacherOutputs/values`` there are for a sample with these label rows.
  package func outputCount(labelRows: Range<Int>, boundary: Int? = nil) -> Int {
    let parts = parts(labelRows: labelRows, boundary: boundary)
    let prompt = 2 * parts.prompt.reduce(0) { $0 + $1.count }
    return parts.attention.reduce(0) { $0 + $1.count } * decoder.shape.queryWidth
      + prompt * decoder.shape.keyWidth + parts.hidden.count * decoder.configuration.hidden
  }

  /// Which rows of the teacher the student needs.
  private struct Parts {
    /// Of each layer's attention output; none where the student has its own.
    var attention: [RowSet] = []
    /// Of each layer's keys and values; none where the student has its own.
    var prompt: [RowSet] = []
    var hidden: Range<Int>
  }

  private func parts(labelRows: Range<Int>, boundary: Int?) -> Parts {
    let cones = cones(labelRows: labelRows, boundary: boundary)
    let rule = deployment.rule(boundary: boundary ?? labelRows.lowerBound)
    var parts = Parts(hidden: judged(labelRows, rule))
    let kinds = decoder.configuration.kinds
    if retrieval == .teacher {
      // A layer with a window of its own mixes nothing.
      parts.attention = zip(kinds, cones.dropFirst()).map { kind, rows in
        kind.window == nil ? rule.mixed(rows) : RowSet(sink: 0, tail: 0..<0)
      }
    }
    if deployment.phase == .decode {
      let end = rule.queries.lowerBound
      let seen = retrieval == .teacher ? rule.promptRows(before: end) : .all(end)
      parts.prompt = kinds.map { kind in
        kind.ownWindow.map { StreamingRule($0).promptRows(before: end) } ?? seen
      }
    }
    return parts
  }

  /// The teacher's forward over one sample: all rows, but in the last layer only the labels'.
  ///
  /// - Parameters: as of ``callAsFunction(tokens:labelRows:boundary:gates:)``.
  package func teach(
    tokens: [Int32], labelRows: Range<Int>, boundary: Int? = nil
  ) -> TeacherOutputs {
    precondition(!labelRows.isEmpty && labelRows.upperBound <= tokens.count, "rows \(labelRows)")
    let parts = parts(labelRows: labelRows, boundary: boundary)
    if parts.attention.isEmpty && parts.prompt.isEmpty {
      return TeacherOutputs(
        hidden: decoder.finalHidden(
          tokens, pattern: .full(decoder.configuration), rows: labelRows))
    }
    let all = RowSet.all(labelRows.upperBound)
    let table = RotaryTable(decoder.configuration, positions: all.count)
    let plan = decoder.rowPlan(
      .full(decoder.configuration), output: RowSet(sink: 0, tail: parts.hidden))
    var attention = UniqueArray<Tensor>()
    var prompts = UniqueArray<PromptRows>()
    let x = decoder.walk(decoder.embed(tokens, rows: all), rows: plan, table: table) {
      layer, qkv in
      let o = layer.attend(qkv, layer.kind.ownVisibility).output()
      if !parts.attention.isEmpty {
        attention.append(layer.output.gather(o, parts.attention[layer.index]))
      }
      if !parts.prompt.isEmpty {
        let rows = parts.prompt[layer.index]
        prompts.append(
          PromptRows(
            rows: rows, k: layer.input.gather(qkv.k, rows), v: layer.input.gather(qkv.v, rows)))
      }
      return o
    }
    return TeacherOutputs(
      attention: attention, prompts: prompts, hidden: decoder.finalNorm(x.view))
  }
}
