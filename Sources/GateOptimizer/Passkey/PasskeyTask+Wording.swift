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
