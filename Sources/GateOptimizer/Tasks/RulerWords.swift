/// The words of RULER's tasks in our wording.
enum RulerWords {
  static let letters = Array("abcdefghijklmnopqrstuvwxyz")
  static let capitals = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

  /// Sentences that say nothing, each with the blank before it.
  static let noise = [
    " The kettle is warm.", " The road is wet.", " The moon is high.", " Off they go.",
    " Home they come.",
  ]

  /// An adjective and a noun with a hyphen between.
  static func pair(_ generator: inout SeededGenerator) -> String {
    "\(generator.pick(adjectives))-\(generator.pick(nouns))"
  }

  /// A word: an adjective, a noun, or two nouns in one.
  static func word(_ generator: inout SeededGenerator) -> String {
    switch generator.below(4) {
    case 0: generator.pick(adjectives)
    case 1: generator.pick(nouns)
    default: generator.pick(nouns) + generator.pick(nouns)
    }
  }

  private static let adjectives = [
    "able", "ample", "ancient", "bitter", "blank", "bold", "brave", "brief", "bright", "broad",
    "calm", "careful", "cheap", "clean", "clever", "cold", "common", "curious", "damp", "dark",
    "deep", "dense", "distant", "dry", "eager", "early", "easy", "even", "exact", "faint", "fair",
    "famous", "fast", "final", "fine", "firm", "flat", "fresh", "full", "gentle", "glad", "grand",
    "great", "happy", "hard", "harsh", "honest", "humble", "idle", "keen", "kind", "late", "lazy",
    "light", "lively", "local", "lonely", "loose", "loud", "loyal", "mild", "modest", "narrow",
    "neat", "noble", "odd", "open", "pale", "patient", "plain", "polite", "proud", "pure", "quick",
    "quiet", "rare", "ready", "rich", "rough", "round", "safe", "sharp", "short", "silent",
    "simple", "slow", "small", "smooth", "soft", "solid", "steady", "steep", "strict", "strong",
    "sudden", "sweet", "tall", "tender", "thick", "thin", "tidy", "tough", "true", "vague", "vast",
    "vivid", "warm", "weak", "wide", "wild", "wise", "young",
  ]

  private static let nouns = [
    "anchor", "apple", "arrow", "badge", "basket", "beach", "bell", "bench", "berry", "bird",
    "blanket", "boat", "bottle", "box", "branch", "bread", "bridge", "broom", "bucket", "button",
    "cabin", "cable", "camera", "candle", "canvas", "carpet", "castle", "cave", "chain", "chair",
    "cherry", "circle", "clock", "cloud", "coast", "coat", "coin", "copper", "corner", "cotton",
    "crane", "crowd", "crown", "curtain", "desk", "dollar", "door", "dragon", "drawer", "drum",
    "eagle", "engine", "feather", "fence", "field", "finger", "flag", "flame", "flower", "forest",
    "fork", "fountain", "frame", "garden", "gate", "glass", "glove", "grain", "grape", "hammer",
    "harbor", "hat", "hill", "honey", "hook", "horse", "hotel", "island", "ivory", "jacket", "jar",
    "jewel", "journal", "kettle", "key", "kitchen", "kite", "ladder", "lake", "lamp", "leaf",
    "lemon", "letter", "lion", "lock", "magnet", "maple", "marble", "market", "mask", "meadow",
    "metal", "mill", "mirror", "morning", "mountain", "museum", "nail", "needle", "nest",
    "notebook",
    "oak", "ocean", "onion", "orange", "oven", "owl", "paddle", "palace", "paper", "parcel",
    "pearl",
    "pencil", "pepper", "piano", "pillow", "pipe", "planet", "plate", "pocket", "pond", "portrait",
    "puzzle", "rabbit", "ribbon", "ring", "river", "road", "robe", "rocket", "roof", "rope",
    "saddle",
    "sail", "salt", "scarf", "school", "shadow", "shell", "shield", "shirt", "shoe", "silver",
    "spoon", "spring", "stable", "station", "stone", "storm", "street", "summer", "table", "temple",
    "tent", "thread", "ticket", "tiger", "tower", "tractor", "train", "tunnel", "valley", "velvet",
    "village", "violin", "wagon", "wall", "water", "wheel", "whistle", "window", "winter", "wire",
    "wolf", "wood", "yard",
  ]
}
