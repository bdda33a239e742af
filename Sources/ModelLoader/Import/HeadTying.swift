import Support
import Transformer

/// Whether the output projection is the embedding, as the weights have it.
///
/// As transformers 5: a head that differs from the embedding is used, whatever `tie_word_embeddings` says; where
/// one of the two is absent, the other is both.
struct HeadTying {
  /// Whether the model file has one matrix for both.
  private(set) var isTied: Bool
  /// The tensors, without the head where it is tied.
  private(set) var tensors: [String: SourceTensor]
  /// What is worth saying about it.
  private(set) var warning: String?

  /// Compares the two matrices of `tensors`, a chunk at a time, where the configuration ties them.
  init(
    _ tensors: [String: SourceTensor], isTied: Bool, isStated: Bool
  ) throws(FileError) {
    let (embeddingName, headName) = (Parameter.embedding.name, Parameter.output.name)
    self.tensors = tensors
    self.isTied = isTied
    let (embedding, head) = (tensors[embeddingName], tensors[headName])
    if !isStated, head == nil, embedding != nil {
      self.isTied = true
      warning =
        "there is no \(headName) and the configuration does not say tie_word_embeddings: the embedding is "
        + "taken for the output projection too"
    }
    guard isTied, let head else { return }
    if let embedding, try !embedding.hasSameValues(as: head) {
      self.isTied = false
      warning =
        "tie_word_embeddings is true, and \(headName) differs from \(embeddingName): both are used, as in "
        + "transformers"
      return
    }
    self.tensors[embeddingName] = embedding ?? head
    self.tensors[headName] = nil
  }
}
