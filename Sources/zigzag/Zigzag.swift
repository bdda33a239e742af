import ArgumentParser

@main
struct Zigzag: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zigzag",
    abstract: "Finds the layers of a language model that need its whole context.")
}
