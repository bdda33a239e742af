/// A map to be run on a sample whose prompt is known.
package struct PromptedMap: Sendable {
  /// The sample.
  package let prompt: PromptCache
  /// The heads that see the whole context.
  package let heads: HeadSet
  /// A map that was run on the sample before: its layers up to the first difference are not run again.
  package let base: PromptedBase?

  /// The map of `heads` on the sample of `prompt`.
  package init(_ prompt: PromptCache, _ heads: HeadSet, base: PromptedBase? = nil) {
    self.prompt = prompt
    self.heads = heads
    self.base = base
  }

  /// The first layer that is run; the last one at the latest.
  fileprivate var start: Int {
    guard let base else { return 0 }
    return zip(heads.rows, base.heads.rows).enumerated().first { $0.element.0 != $0.element.1 }
      .map(\.offset) ?? heads.rows.count - 1
  }
}

/// What went into each layer when a map was run on a sample.
package struct PromptedBase: Sendable {
  /// The heads that saw the whole context.
  package let heads: HeadSet
  /// (L).
  fileprivate let inputs: [LayerInput]

  /// Bytes of the inputs.
  package var byteCount: Int {
    inputs.reduce(0) { $0 + $1.x.rows * $1.x.columns * MemoryLayout<Float>.stride }
  }

  /// Bytes of the inputs of one map on a sample of so many rows after the prompt.
  package static func bytes(_ configuration: ModelConfiguration, rows: Int) -> Int {
    configuration.layers * rows * configuration.hidden * MemoryLayout<Float>.stride
  }
}

/// The input of one layer, (rows, C).
private final class LayerInput: Sendable {
  let x: Tensor

  init(_ x: consuming Tensor) { self.x = x }

  /// A copy of some rows of `x`.
  convenience init(_ x: MatrixView, rows: Range<Int>) {
    var part = Tensor(rows: rows.count, columns: x.columns)
    do {
      var view = part.mutableView
      view.copy(x.slice(rows: rows))
    }
    self.init(part)
  }
}

extension DecoderModel {
  /// Final hidden states of samples under maps that stream after the prompt, handed to `visit` with the map's
  /// index, in an order of its own: (rows, C), the rows of its prompt cache's ``PromptCache/rows``.
  ///
  /// All maps go through the layers together, their rows under one another. Maps of one sample that agree in
  /// their first layers share these: the rows branch where they part. A map has the same bits alone and among
  /// others, where the products are our own kernels'.
  ///
  /// - Parameters:
  ///   - maps: What is run.
  ///   - deployment: What streaming heads see; its phase is decode.
  ///   - rowLimit: Rows that may go through a layer together, ≥ 1; one map's always do.
  ///   - keepingInputs: Whether `visit` gets what went into each layer; nil otherwise.
  ///   - visit: Gets each map's index and hidden states.
  /// - Throws: What `visit` throws, at once.
  package func finalHidden(
    _ maps: [PromptedMap], _ deployment: Deployment, rowLimit: Int = 4096,
    keepingInputs: Bool = false, visit: (Int, borrowing Tensor, PromptedBase?) throws -> Void
  ) rethrows {
    precondition(deployment.phase == .decode, "maps that stream in the prompt change it")
    // Neighbours share the most layers.
    let order = maps.indices.sorted { a, b in
      let places = (ObjectIdentifier(maps[a].prompt), ObjectIdentifier(maps[b].prompt))
      if places.0 != places.1 { return places.0 < places.1 }
      return maps[a].heads.comesBefore(maps[b].heads) ?? (a < b)
    }
    var start = 0
    while start < order.count {
      var end = start
      var rows = 0
      while end < order.count {
        rows += maps[order[end]].prompt.ownRows.count
        if end > start && rows > rowLimit { break }
        end += 1
      }
      try PromptedWalk(
        decoder: self, maps: maps, deployment: deployment, keepsInputs: keepingInputs
      ).run(Array(order[start..<end]), visit: visit)
      start = end
    }
  }

  /// The same where no inputs are kept.
  package func finalHidden(
    _ maps: [PromptedMap], _ deployment: Deployment, rowLimit: Int = 4096,
    visit: (Int, borrowing Tensor) throws -> Void
  ) rethrows {
    try finalHidden(maps, deployment, rowLimit: rowLimit, keepingInputs: false) {
      index, hidden, _ in try visit(index, hidden)
    }
  }
}

extension HeadSet {
  /// Whether the first head in which this is not `other` streams here; nil if they are the same.
  fileprivate func comesBefore(_ other: HeadSet) -> Bool? {
    for (own, theirs) in zip(rows, other.rows) where own != theirs {
      return zip(own, theirs).first { $0 != $1 }.map { !$0.0 }
    }
    return nil
  }
}

/// The walk of some maps through all layers, side by side.
private struct PromptedWalk {
  let decoder: DecoderModel
  let maps: [PromptedMap]
  let deployment: Deployment
  let keepsInputs: Bool

  /// Rows that have come this far together.
  private struct Node {
    /// The maps they belong to.
    let members: [Int]
    /// Where they are.
    let place: Range<Int>
  }

  func run(
    _ members: [Int], visit: (Int, borrowing Tensor, PromptedBase?) throws -> Void
  ) rethrows {
    var nodes: [Node] = []
    var x = Tensor(rows: 0, columns: decoder.configuration.hidden)
    var kept = members.reduce(into: [Int: [LayerInput]]()) { kept, member in
      let map = maps[member]
      kept[member] = map.base.map { Array($0.inputs[..<map.start]) } ?? []
    }
    for index in 0..<decoder.configuration.layers {
      let new = members.filter { maps[$0].start == index }
      if !new.isEmpty {
        // What is on its way comes first.
        let both = place(nodes.map(\.members) + groups(of: new))
        x = input(x, Array(both[nodes.count...]), layer: index)
        nodes = both
      }
      if nodes.isEmpty { continue }
      if keepsInputs {
        for node in nodes {
          let input = LayerInput(x.view, rows: node.place)
          for member in node.members { kept[member]?.append(input) }
        }
      }
      let branches = self.branches(of: nodes, at: index)
      x = pass(x.view, nodes, branches, layer: index)
      nodes = branches.nodes
    }
    let hidden = decoder.finalNorm(x.view)
    for node in nodes {
      let rows = prompt(of: node).wanted(hidden.view.slice(rows: node.place))
      for member in node.members {
        let base =
          keepsInputs
          ? kept[member].map { PromptedBase(heads: maps[member].heads, inputs: $0) } : nil
        try visit(member, rows, base)
      }
    }
  }

  private func prompt(of node: Node) -> PromptCache { maps[node.members[0]].prompt }

  /// Members that begin at one layer with the same input: those of one sample that go on from the same map.
  private func groups(of members: [Int]) -> [[Int]] {
    var found: [[Int]] = []
    for member in members {
      let own = maps[member]
      let place = found.firstIndex { group in
        let other = maps[group[0]]
        return other.prompt === own.prompt
          && (own.start == 0 || other.base?.inputs[own.start] === own.base?.inputs[own.start])
      }
      if let place { found[place].append(member) } else { found.append([member]) }
    }
    return found
  }

  /// Nodes of these members, one under the other.
  private func place(_ members: [[Int]]) -> [Node] {
    var start = 0
    return members.map { members in
      defer { start += maps[members[0]].prompt.ownRows.count }
      return Node(
        members: members, place: start..<start + maps[members[0]].prompt.ownRows.count)
    }
  }

  /// Room for nodes, the last of which are these.
  private static func rows(for nodes: [Node], columns: Int) -> Tensor {
    ProductTiling.room(nodes.last?.place.upperBound ?? 0, columns: columns)
  }

  /// The rows x of nodes on their way, and those of `new` nodes, which begin at this layer, under them.
  private func input(_ x: borrowing Tensor, _ new: [Node], layer index: Int) -> Tensor {
    var all = Self.rows(for: new, columns: x.columns)
    all.setRows(from: 0, x)
    for node in new {
      let map = maps[node.members[0]]
      if let base = map.base, index > 0 {
        all.setRows(from: node.place.lowerBound, base.inputs[index].x)
      } else {
        all.setRows(
          from: node.place.lowerBound,
          decoder.embed(map.prompt.tokens, rows: RowSet(sink: 0, tail: map.prompt.ownRows)))
      }
    }
    return all
  }

  /// The nodes that leave a layer, each with the one that it comes from.
  private struct Branches {
    var sources: [Int] = []
    var nodes: [Node] = []
  }

  private func branches(of nodes: [Node], at index: Int) -> Branches {
    var sources: [Int] = []
    var groups: [[Int]] = []
    for (source, node) in nodes.enumerated() {
      let kinds = Dictionary(grouping: node.members) { maps[$0].heads.rows[index] }
      for group in kinds.values.sorted(by: { $0[0] < $1[0] }) {
        sources.append(source)
        groups.append(group)
      }
    }
    return Branches(sources: sources, nodes: place(groups))
  }

  /// One layer: x (nodes' rows, C) to the rows of the nodes that leave it.
  private func pass(
    _ x: MatrixView, _ nodes: [Node], _ branches: Branches, layer index: Int
  ) -> Tensor {
    let kind = decoder.configuration.kinds[index]
    var layers: [ObjectIdentifier: PromptLayer] = [:]
    for node in nodes {
      let prompt = prompt(of: node)
      let name = ObjectIdentifier(prompt)
      layers[name] = layers[name] ?? prompt.layer(index)
    }
    let streams = zip(branches.sources, branches.nodes).compactMap {
      source, node -> PromptedStream? in
      let prompt = prompt(of: node)
      let seen = deployment.rule(boundary: prompt.boundary).visibility
      return layers[ObjectIdentifier(prompt)].map { layer in
        PromptedStream(
          prompt: layer, rows: RowSet(sink: 0, tail: prompt.ownRows), source: nodes[source].place,
          target: node.place,
          visibility: maps[node.members[0]].heads.rows[index].map {
            $0 || kind.window != nil ? kind.ownVisibility : seen
          })
      }
    }
    let layer = decoder.layer(index, input: .all(x.rows), output: .all(x.rows))
    return layer.forward(
      x, places: nodes.map(\.place), branches: branches.sources,
      rotate: { part, node in
        let prompt = prompt(of: nodes[node])
        prompt.table.rotate(
          &part, rows: RowSet(sink: 0, tail: prompt.ownRows), layer: index)
      }
    ) { qkv in
      var o = Self.rows(for: branches.nodes, columns: decoder.shape.queryWidth)
      var view = o.mutableView
      attention(
        q: qkv.q.view, k: qkv.k.view, v: qkv.v.view, shape: layer.shape, streams: streams,
        into: &view)
      return o
    }
  }
}

extension PromptCache {
  /// The rows that are asked for: those of the prompt, and as many of `own`, which follow it.
  fileprivate func wanted(_ own: MatrixView) -> Tensor {
    let known = max(0, boundary - rows.lowerBound)
    var result = Tensor(rows: rows.count, columns: own.columns)
    var view = result.mutableView
    if known > 0 {
      var target = view.slice(rows: 0..<known)
      hidden.copyLast(known, to: &target)
    }
    var target = view.slice(rows: known..<rows.count)
    target.copy(own.slice(rows: own.rows - (rows.count - known)..<own.rows))
    return result
  }
}

extension Tensor {
  /// Copies the last `count` rows.
  fileprivate borrowing func copyLast(_ count: Int, to target: inout MutableMatrixView) {
    target.copy(view.slice(rows: rows - count..<rows))
  }
}
