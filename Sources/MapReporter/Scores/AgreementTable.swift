import Support

/// How much every two scores of heads agree, as the page shows it.
struct AgreementTable {
  struct Row {
    let name: String
    let cells: [String]
  }

  let names: [String]
  let rows: [Row]
  let heads: String
  let half: String
  let layers: String
  let chance: String

  init(_ scores: [NamedScores]) {
    names = scores.map(\.name)
    let first = scores.first.map { ScoreAgreement($0.gates, $0.gates) }
    heads = grouped(scores.first?.gates.gateCount ?? 0)
    half = "\(first?.halfLayers ?? 0)"
    layers = "\(scores.first?.gates.globalLayers.count ?? 0)"
    chance = fixed(first?.chance ?? 0, 1)
    rows = scores.enumerated().map { row, own in
      Row(
        name: own.name,
        cells: scores.enumerated().map { column, other in
          guard row != column else { return "" }
          let agreement = ScoreAgreement(own.gates, other.gates)
          guard row < column else { return "\(agreement.sharedLayers)" }
          return agreement.correlation.map { fixed($0, 2) } ?? "–"
        })
    }
  }
}
