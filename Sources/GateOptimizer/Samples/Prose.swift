import ModelLoader
import Support

/// Cuts passages from the text of a haystack, exact in tokens; each is a function of (seed, index) alone.
package struct ProseSampler: Sendable {
  private let haystack: Haystack
  private let context: Int
  private let seed: UInt64
  private let startTokens: [Int32]
  private let encode: @Sendable (String) -> [Int32]

  /// A sampler of passages of `context` tokens, each beginning with the tokens that the model's texts
  /// begin with.
  ///
  /// - Throws: `FileError` where the text cannot be read.
  package init(
    haystack: HaystackSource, context: Int, seed: UInt64, tokenizer: Tokenizer
  ) throws {
    self.haystack = try Haystack(haystack) { tokenizer.encode($0) }
    self.context = context
    self.seed = seed
    startTokens = tokenizer.startTokens
    encode = { tokenizer.encode($0) }
  }

  /// The tokens of passage `index`, always the same for the same sampler, (T).
  package func passage(index: Int) -> [Int32] {
    var generator = SeededGenerator(
      seed: seed, index: UInt64(bitPattern: Int64(index)), stream: .prose)
    let text = haystack.window(
      of: max(0, context - startTokens.count), from: &generator, encode: encode)
    return (startTokens + text.tokens).prefix(context).map { $0 }
  }
}

/// Endless readable prose from a small grammar over everyday words.
///
/// A sentence is a pattern whose `{symbols}` are replaced, again and again, by one of their choices;
/// `{a symbol}` puts the fitting article before it. What is written depends on the generator alone.
struct ProseGenerator: Sendable {
  private let grammar: [String: [String]]

  /// Prose about `subject`.
  init(subject: HaystackSource.Subject) {
    let own = subject == .village ? ProseVocabulary.village : ProseVocabulary.coast
    grammar = ProseVocabulary.common.merging(own) { _, own in own }
  }

  /// A sentence without white space around it.
  func sentence(_ generator: inout SeededGenerator) -> String {
    let sentence = expand("sentence", &generator)
    guard let first = sentence.firstIndex(where: \.isLetter) else { return sentence }
    let rest = sentence[sentence.index(after: first)...]
    return sentence[..<first] + sentence[first].uppercased() + rest
  }

  /// What stands before a further sentence: a blank, or a line feed for a new paragraph.
  func gap(_ generator: inout SeededGenerator) -> String {
    generator.below(7) == 0 ? "\n" : " "
  }

  private func expand(_ symbol: String, _ generator: inout SeededGenerator) -> String {
    guard let choices = grammar[symbol], !choices.isEmpty else { return symbol }
    var rest = Substring(generator.pick(choices))
    var text = ""
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      text += rest[..<open]
      text += replacement(of: rest[rest.index(after: open)..<close], &generator)
      rest = rest[rest.index(after: close)...]
    }
    return text + rest
  }

  private func replacement(of key: Substring, _ generator: inout SeededGenerator) -> String {
    guard key.hasPrefix("a ") else { return expand(String(key), &generator) }
    let noun = expand(String(key.dropFirst(2)), &generator)
    return (noun.first.map { "aeiou".contains($0) } == true ? "an " : "a ") + noun
  }
}

/// The grammar of ``ProseGenerator``: patterns common to all subjects, and each subject's nouns.
enum ProseVocabulary {
  /// Sentence patterns and the words any subject can use.
  static let common: [String: [String]] = [
    "sentence": [
      "{time}, {person} {went} to {place} with {a item}.",
      "{person} {went} to {place}, because {reason}.",
      "nobody at {place} knew why {person} had left {a item} there.",
      "{weather}, and {person} stayed at {place} until {hour}.",
      "{time}, {weather}, and nobody was at {place}.",
      "when {person} came back from {place}, {reason}.",
      "\"{saying},\" said {person}, and {gesture}.",
      "{person} {gesture} and said that {claim}.",
      "{person} and {person} talked about {topic} all the way to {place}.",
      "it was {person} who first noticed {a item} near {place}.",
      "{a item} lay beside {a item}, just as {person} had left them.",
      "for {span}, {person} {habit} at {place}.",
      "if {weather}, {person} always {habit}.",
      "there were {number} {animals} by {place}, and {person} counted them twice.",
      "{time}, {number} {animals} {moved} past {place}.",
      "{person} had never seen {a item} before, but {claim}.",
      "some said that {claim}; others only talked about {topic}.",
      "{place} was {quality} that year, and {reason}.",
      "after {hour}, {person} {went} home by way of {place}.",
      "{person} kept {a item} for {span}, although {reason}.",
      "what {person} liked best was {topic}, most of all when {weather}.",
      "the door at {place} was {quality}, so {person} waited outside with {person}.",
      "with {a item} in one hand, {person} {went} to {place}.",
      "\"is it true that {claim}?\" asked {person} {time}.",
    ],
    "time": [
      "early in the morning", "one evening", "the next day", "a week later", "on market day",
      "before breakfast", "towards the end of the month", "that same afternoon", "late one night",
      "on the first warm day", "in the middle of the week", "not long after that",
      "some years ago", "during the holidays", "on a quiet Sunday", "just after noon",
    ],
    "hour": [
      "sunset", "midnight", "six o'clock", "the evening bell", "supper", "noon", "dusk",
      "the lamps were lit", "half past nine", "daybreak",
    ],
    "span": [
      "three weeks", "most of the winter", "a whole year", "several days", "nearly an hour",
      "two summers", "the rest of the day", "as long as anyone could remember", "half a lifetime",
    ],
    "number": [
      "three", "seven", "about a dozen", "at least twenty", "five or six", "hardly any", "nine",
      "more than forty", "fourteen",
    ],
    "went": [
      "walked", "hurried", "went", "rode", "strolled", "returned", "set off", "came",
      "climbed up", "drove", "ran", "wandered",
    ],
    "moved": ["moved slowly", "came", "ran", "hurried", "strayed", "could be heard", "were led"],
    "gesture": [
      "nodded", "laughed", "shrugged", "looked out of the window", "folded the newspaper",
      "sat down again", "poured another cup of tea", "pointed at the clock", "shook hands",
      "put on a coat", "turned the page", "wiped the table",
    ],
    "habit": [
      "read the newspaper aloud", "wrote long letters", "slept badly", "sang in the kitchen",
      "repaired old clocks", "baked bread", "listened to the radio", "played cards",
      "worked without a word", "drew small pictures", "drank coffee", "told the same story",
      "swept the floor", "kept the accounts",
    ],
    "quality": [
      "quiet", "crowded", "freshly painted", "almost forgotten", "open to everybody", "cold",
      "brighter than usual", "in need of repair", "half empty", "locked", "full of visitors",
      "the pride of its owners",
    ],
    "saying": [
      "we have plenty of time", "nothing ever happens here", "somebody should tell them",
      "it will be better tomorrow", "I have heard that before", "you can keep the change",
      "there is no need to hurry", "that was a good year", "leave it where it is",
      "I would not do that again", "they will be here soon", "bring the other one too",
    ],
    "item": ["{adjective} {thing}", "{thing}", "{adjective} {thing}", "{thing} of {material}"],
    "adjective": [
      "old", "small", "heavy", "broken", "green", "yellow", "worn", "borrowed", "empty", "new",
      "strange", "narrow", "polished", "painted", "sturdy", "clumsy", "expensive", "plain",
      "round", "rusty",
    ],
    "material": [
      "wood", "glass", "tin", "brass", "stone", "leather", "wool", "paper", "clay", "iron",
    ],
    "weather": [
      "it rained a little", "the wind turned to the east", "fog hid the hills",
      "the sun came out", "snow fell without a sound", "the air smelled of smoke",
      "it was too hot to work", "a storm was on its way", "the sky cleared",
      "the first leaves fell", "the nights grew longer", "clouds gathered in the west",
    ],
  ]

  /// Nouns of a village.
  static let village: [String: [String]] = [
    "person": [
      "the miller", "Agnes", "the schoolteacher", "old Martin", "the baker's daughter", "Hugo",
      "the postman", "Clara", "the blacksmith", "Mrs. Fielding", "the young doctor", "Edwin",
      "the gardener", "her uncle", "the mayor's wife", "Philippa", "the shepherd", "Tobias",
    ],
    "place": [
      "the mill", "the orchard", "the crossroads", "the church", "the upper meadow", "the bakery",
      "the stone bridge", "the schoolhouse", "the market square", "the barn", "the duck pond",
      "the old well", "the forge", "the inn", "the walled garden", "the town hall",
    ],
    "thing": [
      "basket", "ladder", "lantern", "spade", "cartwheel", "teapot", "clock", "saddle", "kettle",
      "umbrella", "chair", "bucket", "blanket", "violin", "jar", "broom", "apron", "bell",
    ],
    "animals": [
      "geese", "sheep", "ponies", "hens", "cows", "rabbits", "goats", "sparrows", "dogs", "pigs",
    ],
    "topic": [
      "the harvest", "the price of wheat", "the new road", "the wedding", "the apple trees",
      "the flood", "the school play", "the missing cow", "the bees", "the spring fair",
      "the vicar's garden", "the weather", "the choir",
    ],
    "reason": [
      "the cart had lost a wheel", "the flour was almost gone", "the hens had stopped laying",
      "the fence needed mending", "the fair was only a day away", "the roof had begun to leak",
      "the cherries were ripe", "the bells had not rung", "the hay was still wet",
      "the whole street was asleep", "the letter had not come", "the stove would not light",
    ],
    "claim": [
      "the winter would be mild", "the barn had been empty for years",
      "the best cheese came from the valley", "the well had never run dry",
      "the road would be finished by spring", "the old clock was always late",
      "the plums were better than the pears", "the mill would soon be sold",
      "the fox lived under the bridge", "the pony knew the way by itself",
    ],
  ]

  /// Nouns of a coast.
  static let coast: [String: [String]] = [
    "person": [
      "the captain", "Ingrid", "the lighthouse keeper", "the two fishermen", "Samuel", "the cook",
      "the harbour master", "Marina", "the ship's carpenter", "Aunt Louisa", "the pilot", "Jonas",
      "the customs officer", "the ferryman", "Captain Reed", "Beatrice", "the net maker", "Oskar",
    ],
    "place": [
      "the harbour", "the lighthouse", "the fish market", "the long pier", "the boatyard",
      "the sandbank", "the customs house", "the ferry landing", "the rocky island", "the cove",
      "the signal tower", "the rope works", "the dunes", "the salt marsh", "the sailors' chapel",
    ],
    "thing": [
      "anchor", "oar", "compass", "sail", "net", "telescope", "rope", "barrel", "chart", "hook",
      "paddle", "flag", "crate", "whistle", "raft", "buoy", "hammock", "chest",
    ],
    "animals": [
      "gulls", "seals", "crabs", "dolphins", "pelicans", "cormorants", "herons", "terns",
      "turtles",
    ],
    "topic": [
      "the tides", "the herring season", "the wreck", "the new ferry", "the price of rope",
      "the great storm", "the regatta", "the pirates of old", "the missing buoy", "the whales",
      "the lifeboat", "the northern islands", "the tax on salt",
    ],
    "reason": [
      "the tide was going out", "the mast had cracked", "the nets were empty again",
      "the ferry was late", "the harbour had frozen over", "the lamp had gone out",
      "the crew had not been paid", "the current was too strong", "the engine would not start",
      "the charts were out of date", "the boats were still at sea", "the oysters had run out",
    ],
    "claim": [
      "the channel was deeper than the chart said", "the storm would pass to the south",
      "the old captain could smell land", "the island had once been larger",
      "the best rope came from the north", "the lighthouse would soon run by itself",
      "the seals came back every spring", "the wreck was full of copper",
      "the ferry had never sunk", "the harbour bell could be heard for miles",
    ],
  ]
}
