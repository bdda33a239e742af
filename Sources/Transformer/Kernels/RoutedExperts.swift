import Foundation

/// Where the rows of a block go, and with which weights.
struct Routing: ~Copyable {
  /// The rows that one expert gets.
  struct Group {
    let expert: Int
    /// Rows, ascending.
    var rows: [Int] = []
    /// The expert's weight in each.
    var weights: [Float] = []
    /// The expert's place among those of each row.
    var slots: [Int] = []
  }

  /// Experts that get a row, ascending.
  let groups: [Group]
  /// The experts of each row, the most likely first, (rows, k).
  let chosen: [[Int]]
  /// Their weights, (rows, k).
  let weights: [[Float]]
  /// The probabilities of all experts, (rows, E).
  let probabilities: Tensor

  /// The experts of the rows with the router's `logits`, (rows, E): the k most likely ones, the lower index of
  /// equals, with their probabilities or, normalised, their shares of them.
  ///
  /// Shazeer et al. 2017, arXiv 1701.06538, without noise; Mixtral, arXiv 2401.04088, section 2.1.
  init(_ logits: consuming Tensor, _ experts: Experts) {
    precondition(experts.active <= experts.count, "\(experts.active) of \(experts.count) experts")
    var probabilities = logits
    var chosen: [[Int]] = []
    var weights: [[Float]] = []
    var groups = (0..<experts.count).map { Group(expert: $0) }
    do {
      var view = probabilities.mutableView
      for r in 0..<view.rows {
        var row = view.row(r)
        var (top, sum) = (-Float.infinity, Float(0))
        _ = VectorMath.softmaxTile(&row, visible: 0..<row.count, max: &top, sum: &sum)
        VectorMath.scale(&row, by: 1 / sum)
        let own = Self.largest(row.span, experts.active)
        let total = experts.normalises ? own.reduce(0) { $0 + row[$1] } : 1
        let shares = own.map { row[$0] / total }
        for (slot, (expert, weight)) in zip(own, shares).enumerated() {
          groups[expert].rows.append(r)
          groups[expert].weights.append(weight)
          groups[expert].slots.append(slot)
        }
        chosen.append(own)
        weights.append(shares)
      }
    }
    self.groups = groups.filter { !$0.rows.isEmpty }
    self.chosen = chosen
    self.weights = weights
    self.probabilities = probabilities
  }

  /// The places of the `count` largest values, the largest first.
  private static func largest(_ values: Span<Float>, _ count: Int) -> [Int] {
    var found: [Int] = []
    for _ in 0..<count {
      var best: Int?
      for index in values.indices where !found.contains(index) {
        if values[index] > best.map({ values[$0] }) ?? -.infinity { best = index }
      }
      // Not a number is larger than nothing; the first place is as good as any.
      found.append(best ?? values.indices.first { !found.contains($0) } ?? 0)
    }
    return found
  }

  /// The gradient of the router's logits, (rows, E), from that of the weights, (rows, k).
  func backward(_ dWeights: [[Float]], _ experts: Experts) -> Tensor {
    var dLogits = Tensor.zeros(rows: probabilities.rows, columns: probabilities.columns)
    var view = dLogits.mutableView
    for r in 0..<view.rows {
      var row = view.row(r)
      let mean = zip(weights[r], dWeights[r]).reduce(0) { $0 + $1.0 * $1.1 }
      if experts.normalises {
        for (slot, expert) in chosen[r].enumerated() {
          row[expert] = weights[r][slot] * (dWeights[r][slot] - mean)
        }
      } else {
        let p = probabilities.view.row(r)
        for expert in row.indices { row[expert] = -p[expert] * mean }
        for (slot, expert) in chosen[r].enumerated() {
          row[expert] += weights[r][slot] * dWeights[r][slot]
        }
      }
    }
    return dLogits
  }
}

/// The experts of one layer at work: Σ w·down(activation(gate(x)) ∘ up(x)) over the experts of each row.
///
/// A layer's gate and up projections are (E·F, C), its down projections (E·C, F): expert after expert. Weights of
/// experts that get no row are not read.
struct RoutedExperts {
  let experts: Experts
  let activation: Activation
  /// (E, C).
  let router: WeightMatrix
  let gate: WeightMatrix
  let up: WeightMatrix
  let down: WeightMatrix
  /// Biases of all of them; nil for none.
  let biases: ExpertBiases?

  private var width: Int { experts.width }

  /// Which experts get the rows of x (rows, C).
  func route(_ x: MatrixView) -> Routing {
    var logits = linear(x, router)
    if let biases { logits.addBias(biases.router) }
    return Routing(logits, experts)
  }

  /// (rows, C) of x (rows, C).
  func forward(_ x: MatrixView) -> Tensor {
    var y = Tensor.zeros(rows: x.rows, columns: x.columns)
    for group in route(x).groups {
      let input = rows(group.rows, of: x)
      var output = linear(activated(input.view, group.expert).view, part(down, group.expert))
      if let biases { output.addBias(part(biases.down, group.expert)) }
      for (index, row) in group.rows.enumerated() {
        y.addRows(
          output.view.slice(rows: index..<index + 1), from: row, times: group.weights[index])
      }
    }
    return y
  }

  /// dx (rows, C) from dy (rows, C), by x (rows, C).
  func backward(_ dy: MatrixView, x: MatrixView) -> Tensor {
    let routing = route(x)
    var dx = Tensor.zeros(rows: x.rows, columns: x.columns)
    var dWeights = routing.weights.map { [Float](repeating: 0, count: $0.count) }
    for group in routing.groups {
      let (wGate, wUp) = (part(gate, group.expert), part(up, group.expert))
      let input = rows(group.rows, of: x)
      var unit = GatedUnit(rows: input.rows, columns: width)
      let act = fill(&unit, input.view, group.expert)
      var dAct = Tensor(rows: input.rows, columns: width)
      do {
        let dOutput = rows(group.rows, of: dy)
        var view = dAct.mutableView
        linearBackward(dOutput.view, part(down, group.expert), into: &view)
        for (index, row) in group.rows.enumerated() {
          dWeights[row][group.slots[index]] = VectorMath.dot(
            view.reading().row(index), act.view.row(index))
          if let biases {
            dWeights[row][group.slots[index]] += VectorMath.dot(
              dOutput.view.row(index), part(biases.down, group.expert).span)
          }
          var target = view.row(index)
          VectorMath.scale(&target, by: group.weights[index])
        }
      }
      becomeGradients(&unit.gate, &unit.up, of: dAct.view)
      var dInput = Tensor(rows: input.rows, columns: x.columns)
      do {
        var view = dInput.mutableView
        linearBackward(unit.gate.view, wGate, into: &view)
        linearBackward(unit.up.view, wUp, into: &view, adding: true)
      }
      for (index, row) in group.rows.enumerated() {
        dx.addRows(dInput.view.slice(rows: index..<index + 1), from: row)
      }
    }
    let dLogits = routing.backward(dWeights, experts)
    var view = dx.mutableView
    linearBackward(dLogits.view, router, into: &view, adding: true)
    return dx
  }

  /// activation(gate) ∘ up of an expert's rows, (rows, F).
  private func activated(_ x: MatrixView, _ expert: Int) -> Tensor {
    guard biases != nil else {
      return gatedUnit(x, gate: part(gate, expert), up: part(up, expert), activation)
    }
    var unit = GatedUnit(rows: x.rows, columns: width)
    return fill(&unit, x, expert)
  }

  /// The same, with gate and up as the activation gets them.
  private func fill(_ unit: inout GatedUnit, _ x: MatrixView, _ expert: Int) -> Tensor {
    guard let biases else {
      return unit.fill(x, gate: part(gate, expert), up: part(up, expert), activation)
    }
    unit.gate = linear(x, part(gate, expert))
    unit.up = linear(x, part(up, expert))
    unit.gate.addBias(part(biases.gate, expert))
    unit.up.addBias(part(biases.up, expert))
    var act = Tensor(rows: x.rows, columns: width)
    var view = act.mutableView
    gated(activation, gate: unit.gate.view, up: unit.up.view, into: &view)
    return act
  }

  /// An expert's part of stacked biases.
  private func part(_ values: [Float], _ expert: Int) -> [Float] {
    let count = values.count / experts.count
    return Array(values[expert * count..<(expert + 1) * count])
  }

  /// An expert's part of a stacked matrix.
  private func part(_ matrix: WeightMatrix, _ expert: Int) -> WeightMatrix {
    let rows = matrix.rows / experts.count
    return matrix.part(rows: expert * rows..<(expert + 1) * rows)
  }

  /// Some rows of x, under them zeros where few of many are wanted.
  ///
  /// A row among many has the same bits whichever others an expert gets; a few rows alone are a decoded token's, whose
  /// products are faster.
  private func rows(_ wanted: [Int], of x: MatrixView) -> Tensor {
    var input =
      x.rows > ProductTiling.few
      ? ProductTiling.room(wanted.count, columns: x.columns)
      : Tensor(rows: wanted.count, columns: x.columns)
    for (target, source) in wanted.enumerated() { input.setRow(target, x.row(source)) }
    return input
  }

  /// Gate and up become their gradients for dy, (rows, F), behind the activation.
  private func becomeGradients(_ gate: inout Tensor, _ up: inout Tensor, of dy: MatrixView) {
    var gateView = gate.mutableView
    var upView = up.mutableView
    let pieces = EqualPieces(dy.rows, limit: rowsPerTask(dy.columns)).ranges
    let tiles = pieces.map { Tile(rows: $0, columns: 0..<dy.columns) }
    parallelTiles(&gateView, tiles, &upView, tiles) { index, gate, up in
      gatedBackward(activation, dy.slice(rows: tiles[index].rows), gate: &gate, up: &up)
    }
  }
}

extension Tensor {
  /// Adds a bias to every row.
  fileprivate mutating func addBias(_ bias: [Float]) {
    var view = mutableView
    Transformer.addBias(bias, to: &view)
  }
}
