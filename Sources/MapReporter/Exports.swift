// Maps are made of gates: who imports this module has them.
@_exported import GateOptimizer
