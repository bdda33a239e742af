extension PasskeyTask {
  /// The default: passkeys of spoken-alphabet words in a storybook, for learning gates.
  public static let wordPasskeys = PasskeyTask(
    kind: .words, passkeys: 4, length: 8,
    alphabet: [
      "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india",
      "juliet", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo",
      "sierra", "tango", "uniform", "victor", "whiskey", "xray", "yankee", "zulu",
    ],
    prologue: "Here is a long story from an old book: <book>",
    needle: " Keep this row of words in mind, it is the {ordinal} passkey to the vault: {passkey}.",
    epilogue: "</book>.\n\n",
    question: "According to the book above, what is the {ordinal} passkey to the vault?\n",
    answerLeadIn: "Passkey:",
    separator: "\n\n")

  /// Other words and other wording, for judging maps on what they were not learned on.
  public static let heldOutPasskeys = PasskeyTask(
    kind: .words, passkeys: 4, length: 8,
    alphabet: [
      "apple", "bridge", "candle", "desert", "engine", "forest", "garden", "hammer", "island",
      "jacket", "kitchen", "ladder", "mirror", "needle", "orange", "pencil", "queen", "river",
      "silver", "table", "umbrella", "village", "window", "yellow",
    ],
    prologue: "Below is a long report. Read all of it with care.\n",
    needle: " Note for later: the {ordinal} secret phrase of the safe reads: {passkey}.",
    epilogue: "\n\nThis is where the report ends.\n\n",
    question: "What does the {ordinal} secret phrase of the safe read?\n",
    answerLeadIn: "Secret phrase:",
    separator: "\n\n")

  /// One key of five digits, the classic passkey test.
  public static let fiveDigits = PasskeyTask(
    kind: .digits, passkeys: 1, length: 5, alphabet: [],
    prologue:
      "A long text follows, and one important number is hidden in it. Remember the number.\n",
    needle: " The magic number is {passkey}.",
    epilogue: "\n\n",
    question: "What is the magic number hidden in the text?\n",
    answerLeadIn: "The magic number is",
    separator: ".\n")

  /// Key-value lookup: sixteen names, each with a number, four of which are asked for.
  public static let keyValuePairs = PasskeyTask(
    kind: .digits, passkeys: 16, length: 4, alphabet: [],
    keys: [
      "Alice", "Boris", "Clara", "Daniel", "Emma", "Felix", "Grace", "Henry", "Irene", "Jonas",
      "Karen", "Lucas", "Maria", "Nina", "Oliver", "Paula", "Quentin", "Rosa", "Simon", "Teresa",
      "Ursula", "Victor", "Wanda", "Yvonne",
    ],
    questions: 4,
    prologue: "Every guest of the house has a room number. The numbers are given in this text.\n",
    needle: " The room number of {key} is {passkey}.",
    epilogue: "\n\n",
    question: "What is the room number of {key}?\n",
    answerLeadIn: "The room number is",
    separator: ".\n")

  /// One phrase of six words, for a grid of depths and lengths.
  public static let needle = PasskeyTask(
    kind: .words, passkeys: 1, length: 6, alphabet: heldOutPasskeys.alphabet,
    prologue: "Read this long report and remember what the safe is opened with.\n",
    needle: " Note for later: the secret phrase of the safe reads: {passkey}.",
    epilogue: "\n\nThis is where the report ends.\n\n",
    question: "What does the secret phrase of the safe read?\n",
    answerLeadIn: "Secret phrase:",
    separator: "\n\n")

  /// "first", "second", … "twentieth", then "21st", "22nd", …; `number` counts from 1.
  static func ordinal(_ number: Int) -> String {
    let words = [
      "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
      "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth",
      "seventeenth", "eighteenth", "nineteenth", "twentieth",
    ]
    if words.indices.contains(number - 1) { return words[number - 1] }
    let isTeen = (11...13).contains(number % 100)
    let ending = isTeen ? "th" : [1: "st", 2: "nd", 3: "rd"][number % 10] ?? "th"
    return "\(number)\(ending)"
  }
}
