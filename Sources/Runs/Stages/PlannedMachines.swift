/// The machines that a plan is for, a rank on each.
package struct PlannedMachines: Sendable, Equatable {
  /// How many there are, 1 or more; nil for this one as it is.
  package var count: Int?
  /// Cores of each, 1 or more; nil for as many as may be at work here.
  package var cores: Int?
  /// Floating-point operations a second of one core, above 0; nil for what a short prefill reaches here.
  package var coreRate: Double?

  /// So many machines of so many cores of that rate.
  package init(count: Int? = nil, cores: Int? = nil, coreRate: Double? = nil) {
    (self.count, self.cores, self.coreRate) = (count, cores, coreRate)
  }
}
