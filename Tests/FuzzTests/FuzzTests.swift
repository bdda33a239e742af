import Testing

/// Damaged files of every kind the package reads: each is read or refused in words.
///
/// `make test` reads a few hundred of each kind, `make fuzz` a hundred thousand under
/// AddressSanitizer; ``FuzzCampaign`` says how to repeat one. One after another, since time and memory
/// of each input are measured.
@Suite(.serialized) struct FuzzTests {}
