import Foundation

/// BM25: documents ranked by the words that they share with a query.
///
///     score(d) = Σ over the query's words w of idf(w) · f / (f + k₁ · (1 − b + b · |d| / mean |d|))
///     idf(w) = ln(1 + (N − n + 0.5) / (n + 0.5))
///
/// f is how often the word stands in the document, |d| the document's words, N the documents, and n those that have the
/// word. A word that a query has twice counts twice. Words are runs of letters and digits in lower case. The factor
/// k₁ + 1, which changes no order, is left out.
///
/// (Robertson & Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009, section 3.4; the 1 in the
/// logarithm, which keeps the weight of frequent words above 0, is Lucene's.)
package struct BM25: Sendable {
  /// How fast a word's repetitions stop to count, > 0.
  package let k1: Double
  /// How much the length of documents counts, 0…1.
  package let b: Double
  private let counts: [[String: Int]]
  private let lengths: [Double]

  /// Takes the words of some documents.
  package init(_ documents: [String], k1: Double = 1.2, b: Double = 0.75) {
    (self.k1, self.b) = (k1, b)
    let words = documents.map(Self.words)
    counts = words.map { $0.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
    lengths = words.map { Double($0.count) }
  }

  /// The documents' scores for a query, none below 0.
  package func scores(_ query: String) -> [Double] {
    let total = Double(counts.count)
    let mean = lengths.reduce(0, +) / max(total, 1)
    var scores = counts.map { _ in 0.0 }
    for word in Self.words(query) {
      let having = Double(counts.count { $0[word] != nil })
      let weight = log(1 + (total - having + 0.5) / (having + 0.5))
      for (document, own) in counts.enumerated() {
        guard let count = own[word] else { continue }
        let damping = k1 * (1 - b + b * lengths[document] / mean)
        scores[document] += weight * Double(count) / (Double(count) + damping)
      }
    }
    return scores
  }

  /// Runs of letters and digits, in lower case.
  static func words(_ text: String) -> [String] {
    text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
  }
}
