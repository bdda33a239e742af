import Transformer

/// How much of the prompts is kept between evaluations, and how.
package struct PromptSettings: Sendable, Equatable {
  /// Bytes of memory that kept keys and values may take.
  package var byteBudget: Int
  /// How they are stored.
  package var storage: PromptStorage
  /// Bytes of a file that those may take which memory has no room for; others are read again for each round.
  package var fileBudget: Int
  /// The folder on whose disk the file lies.
  package var folder: String

  /// Prompts of `byteBudget` bytes in memory, and of `fileBudget` in a file.
  package init(
    byteBudget: Int = .max, storage: PromptStorage = .float32, fileBudget: Int = 0,
    folder: String = "."
  ) {
    self.byteBudget = byteBudget
    self.storage = storage
    self.fileBudget = fileBudget
    self.folder = folder
  }
}

/// The prompt caches of some samples: those that fit a byte budget, of memory or of a file, are read once, the
/// others when they are asked for.
final class PromptShelf {
  private let decoder: DecoderModel
  private let samples: [TaskSample]
  private let deployment: Deployment
  private let settings: PromptSettings
  private let file: PromptFile?
  private var kept: [Int: PromptCache] = [:]
  /// Those whose keys and values lie in the file.
  private var filed: Set<Int> = []
  /// The last one that is not kept.
  private var latest: (sample: Int, cache: PromptCache)?
  private var (used, usedOfFile) = (0, 0)

  init(
    _ decoder: DecoderModel, _ samples: [TaskSample], _ deployment: Deployment,
    _ settings: PromptSettings
  ) {
    self.decoder = decoder
    self.samples = samples
    self.deployment = deployment
    self.settings = settings
    file = settings.fileBudget > 0 ? PromptFile(in: settings.folder) : nil
  }

  /// Samples whose prompts are kept.
  var keptCount: Int { kept.count }

  /// Why there is no room for the others.
  var shortage: PromptShortage {
    guard settings.fileBudget > 0 else { return .budget }
    guard let file else { return .noFile }
    return file.isFull ? .disk : .budget
  }

  /// The prompt of a sample.
  subscript(_ sample: Int) -> PromptCache {
    if let cache = kept[sample] { return cache }
    if let latest, latest.sample == sample { return latest.cache }
    latest = nil
    let bytes = bytes(sample)
    if used + bytes <= settings.byteBudget {
      used += bytes
      return keep(read(sample), sample)
    }
    if let file, usedOfFile + bytes <= settings.fileBudget, let room = file.room(bytes) {
      usedOfFile += bytes
      filed.insert(sample)
      return keep(read(sample, into: room), sample)
    }
    let cache = read(sample)
    latest = (sample, cache)
    return cache
  }

  private func keep(_ cache: PromptCache, _ sample: Int) -> PromptCache {
    kept[sample] = cache
    return cache
  }

  private func boundary(_ sample: Int) -> Int { samples[sample].boundary(deployment.boundary) }

  private func bytes(_ sample: Int) -> Int {
    PromptCache.bytes(
      decoder.configuration, tokens: boundary(sample), storage: settings.storage)
  }

  private func read(_ sample: Int, into room: PromptRoom? = nil) -> PromptCache {
    PromptCache(
      decoder, tokens: samples[sample].tokens, boundary: boundary(sample),
      rows: samples[sample].predictingRows, storage: settings.storage, room: room)
  }

  /// Positions in `wanted`, a list of samples, that can be worked on together: all of the prompts in memory, some of
  /// those in the file at a time, and of each other one.
  func groups(of wanted: [Int]) -> [[Int]] {
    var groups: [Set<Int>] = [Set(kept.keys).subtracting(filed)]
    var (some, size): (Set<Int>, Int) = ([], 0)
    for sample in filed.sorted() {
      // A layer of each is in memory while it is worked on.
      let layer =
        PromptCache.bytes(decoder.configuration, tokens: boundary(sample))
        / decoder.configuration.layers
      if !some.isEmpty && size + layer > settings.byteBudget / 8 {
        groups.append(some)
        (some, size) = ([], 0)
      }
      some.insert(sample)
      size += layer
    }
    groups.append(some)
    groups += Set(wanted).filter { kept[$0] == nil }.sorted().map { [$0] }
    return groups.map { group in wanted.indices.filter { group.contains(wanted[$0]) } }
      .filter { !$0.isEmpty }
  }
}

/// Why prompts are read again.
package enum PromptShortage: Sendable {
  /// They are more than the bytes allowed.
  case budget
  /// No file can be made in the folder.
  case noFile
  /// The disk is full.
  case disk
}
